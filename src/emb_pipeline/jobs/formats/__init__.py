"""The jobs of a run in the formats of batch systems, one a file."""
