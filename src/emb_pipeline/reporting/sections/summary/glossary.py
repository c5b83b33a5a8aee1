"""Names of each embedding: the short and the readable one, and the technical one of YAML, tables and commands."""

from __future__ import annotations

from typing import Any

from emb_pipeline.reporting.section import Report, Section


def view(report: Report) -> dict[str, Any] | None:
    """Show each embedding's names, in the order of the leaderboard."""
    board = report.tables.leaderboard.drop_duplicates("embedding")
    origins = zip(board["embedding"], board["origin"], strict=True)
    named = [(report.names[str(embedding)], str(origin)) for embedding, origin in origins]
    return {"named": named} if named else None


SECTION = Section("names", "Names", view, heading="Names of embeddings")
