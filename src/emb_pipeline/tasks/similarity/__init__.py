"""Similarity: pairs of texts with a score."""
