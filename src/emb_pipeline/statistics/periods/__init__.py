"""Scores over time: periods, intervals that hold for all of them, and whether the last one's choice still holds."""
