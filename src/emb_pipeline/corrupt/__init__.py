"""Text made worse on purpose, and other samples of it."""
