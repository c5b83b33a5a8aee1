"""Scores by number of labels."""
