"""The drift report in Markdown and on the console."""
