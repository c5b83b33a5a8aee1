"""What queries, passages and judgments are read from."""
