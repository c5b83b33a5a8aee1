"""The best embedding of a task, class by class."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from emb_pipeline.reporting.results import Result
from emb_pipeline.reporting.wording import (
    write_count,
    write_share,
)

LARGEST_MATRIX = 15
"""Classes up to which all pairs are shown; of more, the commonest confusions."""
MOST_CONFUSED = 20
NOTHING = "(none)"
"""What an entity that is not found, or none, is called as."""


def show_classes(result: Result, class_results: pd.DataFrame, confusions: pd.DataFrame) -> dict[str, Any] | None:
    """Each class of a task and its commonest confusions, of the embedding that scores highest.

    Parameters
    ----------
    result : Result
        Of the task.
    class_results, confusions : DataFrame
        Of all tasks and embeddings, as in `emb_pipeline.tasks.metrics.class_results`.

    Returns
    -------
    dict or None
        ``embedding``; ``lines``: class, items, predicted, recall with its interval, precision, F1 and confidence as text,
        the commonest class first;
        ``matrix``: names and rows of a confusion table where classes are few, else None; ``confused``: label, prediction,
        times and share of the label. None for a task without classes.
    """
    if result.leader is None:
        return None
    embedding = str(result.leader["embedding"])
    rows, pairs = (_select_cell(table, result.task, embedding) for table in (class_results, confusions))
    if rows.empty:
        return None
    rows = rows.sort_values(["n", "class"], ascending=[False, True])
    counts = {(_name(row["label"]), _name(row["predicted"])): int(row["n"]) for row in pairs.to_dict("records")}
    of_class = dict(zip(rows["class"], rows["n"], strict=True))
    wrong = sorted(((n, *pair) for pair, n in counts.items() if pair[0] != pair[1]), key=lambda each: (-each[0], each[1:]))
    names = [*map(str, rows["class"]), *([NOTHING] if any(NOTHING in pair for pair in counts) else [])]
    return {
        "embedding": embedding,
        "origin": str(result.leader["origin"]),
        "lines": [
            (
                str(row["class"]),
                write_count(row["n"]),
                write_count(row["n_predicted"]),
                (write_share(row["recall"]), _write_interval(row)),
                *(write_share(row.get(name)) for name in ("precision", "f1", "confidence")),
            )
            for row in rows.to_dict("records")
        ],
        "matrix": None
        if len(names) > LARGEST_MATRIX
        else (names, [(label, [(counts.get((label, found), 0), label == found) for found in names]) for label in names]),
        "confused": [
            (label, found, write_count(n), write_share(n / of_class[label]) if of_class.get(label) else "")
            for n, label, found in wrong[:MOST_CONFUSED]
        ],
    }


def _write_interval(row: Mapping[Hashable, Any]) -> str:
    low, high = row.get("recall_low"), row.get("recall_high")
    return "" if pd.isna(low) or pd.isna(high) else f"[{100 * low:.0f}, {100 * high:.0f}]"


def _select_cell(table: pd.DataFrame, task: str, embedding: str) -> pd.DataFrame:
    return table[(table["task"] == task) & (table["embedding"] == embedding)]


def _name(label: object) -> str:
    return label if isinstance(label, str) else NOTHING
