"""Samples of texts against each other: how well a classifier tells them apart, by which words, and what else changed."""
