"""Embeddings with fewer dimensions, or fewer bits for each."""
