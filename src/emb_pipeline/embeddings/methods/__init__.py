"""The lines of the registry, a file for each family: they load no library."""
