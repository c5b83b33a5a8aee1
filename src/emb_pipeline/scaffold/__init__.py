"""A new use case from somebody's files: what they hold, what is compared on it, and the YAML that says so."""
