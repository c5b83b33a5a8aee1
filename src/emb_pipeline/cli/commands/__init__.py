"""One module a command: it defines ``command``, a `emb_pipeline.cli.command.ProjectCommand`, and gives it its own name."""
