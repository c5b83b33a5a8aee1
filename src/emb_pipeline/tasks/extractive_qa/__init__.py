"""Extractive question answering: spans of contexts that answer questions."""
