"""Training of transformers: on a corpus by hidden words, and on the labels of a task."""
