"""What word vectors know by themselves, and what is wrong with them."""
