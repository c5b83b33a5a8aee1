"""Inner loops of training, compiled: they know arrays, and neither words nor files."""
