"""The run of a use case as jobs for a batch system."""
