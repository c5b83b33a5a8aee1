"""Test items whose label is likely wrong, and what the ranking is without them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.section import Report, Section
from emb_pipeline.reporting.wording import (
    name_metric,
    write_count,
    write_difference,
    write_interval,
    write_share,
    write_value,
)
from emb_pipeline.tasks.shown_units import cut_text

SHOWN = 12
"""Items of a task that the page shows; the file has all."""


def view(report: Report) -> dict[str, Any] | None:
    """Show for each task how many labels are in doubt, the surest of them, and the ranking with and without these items."""
    table = report.tables.label_errors
    tasks = [_view_task(report, str(task), rows) for task, rows in table.groupby("task", sort=False)]
    return {"tasks": tasks} if tasks else None


def _view_task(report: Report, task: str, rows: pd.DataFrame) -> dict[str, Any]:
    board = pick.select_primary(report.tables.leaderboard, task)
    n = int(board["n"].iloc[0]) if len(board) else 0
    of_n = f" of {n:,} test items ({write_share(len(rows) / n)})" if n else " test items"
    n_voters = int(rows["voters"].iloc[0])
    by = f"more than half of {n_voters} embeddings are" if n_voters > 1 else "the embedding that was named is"
    without = report.tables.without_label_errors
    return {
        "name": task,
        "sentence": f"{len(rows):,}{of_n} have a label that is likely wrong: {by} confident of the same other class.",
        "lines": [
            (
                str(row["unit_id"]),
                cut_text(str(row["text"]))[0] if isinstance(row["text"], str) else "",
                str(row["label"]),
                str(row["likely"]),
                f"{row['votes']} of {row['voters']}",
                write_share(row["confidence"]),
            )
            for row in rows.head(SHOWN).to_dict("records")
        ],
        "left_out": write_count(max(len(rows) - SHOWN, 0)) if len(rows) > SHOWN else "",
        "ranking": _rank(without[without["task"] == task], board),
    }


def _rank(rows: pd.DataFrame, board: pd.DataFrame) -> dict[str, Any] | None:
    """Rank embeddings that could be deployed, with and without the items."""
    rows = rows[rows["embedding"].isin(pick.select_choosable(board)["embedding"])]
    if rows.empty:
        return None
    metric = str(rows["metric"].iloc[0])
    ranks = {name: rows[name].rank(ascending=False, method="min").astype(int) for name in ("value", "value_without")}
    rows = rows.assign(rank=ranks["value"], rank_without=ranks["value_without"])
    moved = int((rows["rank"] != rows["rank_without"]).sum())
    return {
        "metric": name_metric(metric),
        "sentence": f"Without these items {moved} of {len(rows)} embeddings have another rank."
        if moved
        else "Without these items all embeddings keep their rank.",
        "lines": [
            (
                str(row["embedding"]),
                str(row["origin"]),
                str(row["rank"]),
                write_value(row["value"], metric),
                str(row["rank_without"]),
                write_value(row["value_without"], metric),
                write_interval(row["ci_low"], row["ci_high"], metric),
                write_difference(-row["difference"], metric),
            )
            for row in rows.sort_values(["rank", "embedding"]).to_dict("records")
        ],
    }


SECTION = Section("label_errors", "Label errors", view, heading="Which labels are likely wrong?")
