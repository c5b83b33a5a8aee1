"""Corrupted texts, and resamples of a corpus."""
