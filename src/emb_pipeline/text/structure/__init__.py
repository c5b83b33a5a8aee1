"""Headings and sections of a text, and the chunks that it is cut into."""
