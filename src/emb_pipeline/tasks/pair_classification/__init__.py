"""Pair classification: do two texts mean the same."""
