"""Documents of a folder as text: Markdown, HTML, plain text, Word and PDF."""
