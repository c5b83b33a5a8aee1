"""The gate: what is deployed, what came before, and the verdict on a candidate."""
