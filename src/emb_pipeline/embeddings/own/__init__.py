"""Embeddings of the user's own: a function from texts to vectors."""
