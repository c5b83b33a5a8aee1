"""The gate: the deployed embedding, earlier tests, and the verdict on a candidate."""
