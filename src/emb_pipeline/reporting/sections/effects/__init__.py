"""Sections on what one thing changes alone: the corpus, a factor of the grid, how an embedding was made."""
