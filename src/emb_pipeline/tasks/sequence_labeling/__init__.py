"""Sequence labeling: entities in sentences."""
