"""Measures of what a task's models predict: one value per unit, or counts that make one."""
