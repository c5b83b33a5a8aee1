"""Formats that queries, passages and judgments are read from."""
