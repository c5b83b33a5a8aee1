"""Tests of differences, all of a report together."""
