"""Retrieval models that give a text more than one dense vector: learned weights of words, or a vector of each token."""
