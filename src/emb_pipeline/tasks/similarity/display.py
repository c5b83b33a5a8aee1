"""Pairs of texts as a reader sees them, with the score that people gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from emb_pipeline.tasks.pairs.display import find_rows, write_pairs
from emb_pipeline.tasks.shown_units import ShownUnits
from emb_pipeline.tasks.similarity.task import SimilarityTask


def describe_pairs(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe pairs by both texts, each cut to its half, and their score."""
    task = SimilarityTask.from_tables(tables)
    rows = find_rows(task, units)
    return ShownUnits(write_pairs(task, rows), [f"{task.scores[row]:g}" for row in rows], [() for _ in rows])
