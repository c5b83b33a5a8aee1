"""Probes: small supervised models on frozen vectors, and their solvers."""
