"""Writing of files: whole or not at all, sealed, by one process at a time."""
