"""Scores of embeddings, and what moves them: method, dimension, labels, cost, search."""
