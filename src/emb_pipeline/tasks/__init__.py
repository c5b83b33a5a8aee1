"""Downstream tasks: one file per kind, and what the kinds share."""
