"""Descriptions of files that somebody brings: their format, their columns, and what the columns hold."""
