"""Tests of the display of a run."""
