"""Recommendation: items that a user takes next."""
