"""The export of a chosen embedding: a bundle, and its card."""
