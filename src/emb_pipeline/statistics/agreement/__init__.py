"""Agreement of two tasks about the same embeddings: made queries, and real ones."""
