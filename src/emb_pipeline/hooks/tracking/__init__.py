"""Hooks around the tracking of a run: its parent in MLflow, its answer, its status."""
