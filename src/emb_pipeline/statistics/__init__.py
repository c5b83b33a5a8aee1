"""Intervals, tests and leaderboards, from tables of item scores alone."""
