"""Encoders that are tuned on the few labels of a task, wherever a probe learns from them."""
