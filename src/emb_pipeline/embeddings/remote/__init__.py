"""Embeddings and rerankers behind an HTTP endpoint: paid requests, and vectors that are kept."""
