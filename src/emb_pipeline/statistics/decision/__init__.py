"""The choice of an embedding under budgets."""
