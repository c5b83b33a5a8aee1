"""Runs, metrics, parameters and models in MLflow."""
