"""Intervals of means and of metrics that are no means, and variance beyond that of the test units."""
