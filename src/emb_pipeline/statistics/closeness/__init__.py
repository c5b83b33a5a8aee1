"""Do scores that need no task predict scores on one? Rank correlations over embeddings, and what they would save."""
