"""Tasks of MTEB, read as they are defined in its package, and stored as tables."""
