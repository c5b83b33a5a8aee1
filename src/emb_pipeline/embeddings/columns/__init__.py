"""Embeddings of the rows of tables: of categorical and numeric columns, alone or joined to other embeddings."""
