"""Sections that sum the run up: the answer, what to deploy, what failed."""
