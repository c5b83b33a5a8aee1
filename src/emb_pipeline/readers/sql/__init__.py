"""Queries in SQL, answered by DuckDB: what they read, and what they give."""
