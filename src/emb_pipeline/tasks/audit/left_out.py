"""Rows that a reader left out."""

from __future__ import annotations

import pyarrow as pa

from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.tasks.audit.lines import AuditLines, Check

LEFT_OUT_CHECKS = (
    Check("left_out_errors", "warning"),
    Check("left_out_empty", "warning"),
)


def audit_left_out(bad: BadRows, n_kept: int) -> pa.Table:
    """Count the rows that a reader left out, as its options say."""
    lines, n = AuditLines(LEFT_OUT_CHECKS), n_kept + bad.n_skipped + bad.n_empty
    if bad.n_skipped:
        note = "rows that could not be used, left out by 'on_error: skip'"
        lines.add("left_out_errors", bad.n_skipped, n, note, bad.skipped)
    if bad.n_empty:
        note = "rows without a text, label, score or tags, left out as asked for"
        lines.add("left_out_empty", bad.n_empty, n, note, bad.empty_places)
    return lines.table()
