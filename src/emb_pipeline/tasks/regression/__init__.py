"""Regression: which number belongs to a text."""
