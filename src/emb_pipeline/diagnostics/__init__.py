"""Checks of word vectors by themselves: what they know, and what is wrong with them."""
