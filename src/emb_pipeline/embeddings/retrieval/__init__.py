"""Search and answers without vectors."""
