"""Recommendation from interactions."""
