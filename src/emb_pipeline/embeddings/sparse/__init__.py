"""Sparse baselines, fitted on a task's own training texts."""
