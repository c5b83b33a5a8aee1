"""Docstrings of installed packages: text and labels that every installation has."""
