"""Texts as words: tokens, near-duplicates, spans."""
