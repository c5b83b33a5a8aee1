"""Encodings: a text is encoded once, and its time counts once."""
