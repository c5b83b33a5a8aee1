"""The page of all tables that a run leaves, and their columns."""

from __future__ import annotations

from emb_pipeline.reporting.tables import COLUMNS


def write_page() -> str:
    parts = ["# Tables"]
    for name, columns in COLUMNS.items():
        parts += ["", f"## `{name}`", "", "| column | type |", "|---|---|"]
        parts += [f"| `{column}` | {kind} |" for column, kind in columns.items()]
    return "\n".join(parts) + "\n"
