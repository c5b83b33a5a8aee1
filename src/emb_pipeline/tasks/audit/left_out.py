"""Rows that a reader left out."""

from __future__ import annotations

import pyarrow as pa

from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.tasks.audit.lines import AuditLines, Check

LEFT_OUT_CHECKS = (
    Check("left_out_errors", "warning"),
    Check("left_out_empty", "warning"),
    Check("left_out_classes", "size"),
    Check("left_out_seen", "size"),
)
_NOTES = {
    "classes": "texts of classes that one part alone has, left out as asked for",
    "seen": "test texts that are in the training part, too, or nearly: left out as asked for",
}


def audit_left_out(bad: BadRows, n_kept: int) -> pa.Table:
    """Count the rows that a reader left out, as its options say."""
    lines, n = AuditLines(LEFT_OUT_CHECKS), n_kept + bad.n_skipped + bad.n_empty
    n += sum(map(len, bad.left_out.values()))
    if bad.n_skipped:
        note = "rows that could not be used, left out by 'on_error: skip'"
        lines.add("left_out_errors", bad.n_skipped, n, note, bad.skipped)
    if bad.n_empty:
        note = "rows without a text, label, score or tags, left out as asked for"
        lines.add("left_out_empty", bad.n_empty, n, note, bad.empty_places)
    for reason, ids in bad.left_out.items():
        lines.add(f"left_out_{reason}", len(ids), n, _NOTES[reason], ids)
    return lines.table()
