"""Public data sets, fetched and checked."""
