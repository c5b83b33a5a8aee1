"""Bounds of a mean before all units are scored, at every moment at once."""
