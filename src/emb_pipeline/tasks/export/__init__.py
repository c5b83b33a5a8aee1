"""What a kind of task makes of a chosen embedding, so that it answers without this project's data."""
