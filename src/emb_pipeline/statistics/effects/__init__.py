"""Effects of corpus, method and dimension."""
