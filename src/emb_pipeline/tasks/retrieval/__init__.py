"""Retrieval: passages that answer a query."""
