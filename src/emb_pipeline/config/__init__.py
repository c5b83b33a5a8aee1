"""Configuration: the loader that reads a use case, and the use case and project that are active."""
