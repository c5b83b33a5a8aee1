"""Pairs of texts as a reader sees them, with the score that people gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from emb_pipeline.tasks.shown_units import LONGEST, ShownUnits, cut_text
from emb_pipeline.tasks.similarity.task import SimilarityTask


def describe_pairs(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe pairs by both texts, each cut to its half, and their score."""
    task = SimilarityTask.from_tables(tables)
    row_of = {name: row for row, name in enumerate(task.pair_ids.tolist())}
    rows = [row_of[name] for name in units]
    sides = [(task.texts[int(task.first[row])], task.texts[int(task.second[row])]) for row in rows]
    return ShownUnits([join_pair(*pair) for pair in sides], [f"{task.scores[row]:g}" for row in rows], [() for _ in rows])


def join_pair(first: str, second: str) -> str:
    """Join two texts so that something of each is seen where both are too long."""
    if len(first) + len(second) + 3 <= LONGEST:
        return f"{first} ↔ {second}"
    kept, left_out = cut_text(first, LONGEST // 2 - 3)
    return f"{kept}{' …' if left_out else ''} ↔ {second}"
