"""The export of a chosen embedding: a kind of task makes it answer without this project's data."""
