"""Choosing under a budget: rounds on growing parts of the test units, each of fewer embeddings."""
