"""Sections on what the numbers rest on: what was compared, what vectors know, the data, the run."""
