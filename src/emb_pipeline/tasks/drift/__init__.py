"""Texts of a task against those of its corpora and of a new file, and the scores on texts like the new ones."""
