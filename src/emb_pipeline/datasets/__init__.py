"""Datasets of all that is stored and tracked: Arrow tables, word vectors, corpora, MLflow runs, the report."""
