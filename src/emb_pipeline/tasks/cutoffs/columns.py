"""Columns of the table of cut-offs."""

from __future__ import annotations

from emb_pipeline.statistics.cutoffs.cutoff import CUTOFF

CUTOFFS: dict[str, str] = {
    **dict.fromkeys(("task", "embedding", "kind", "measure", "unanswerable"), "string"),
    **CUTOFF,
}
"""Columns of the cut-off of each embedding on each task."""
