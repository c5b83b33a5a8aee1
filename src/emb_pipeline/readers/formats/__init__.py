"""Formats with a structure of their own."""
