"""Pairs of texts: what the kinds of task share that ask something of two texts."""
