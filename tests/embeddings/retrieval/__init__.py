"""Searchers, and searchers made of others."""
