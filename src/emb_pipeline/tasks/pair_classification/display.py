"""Labeled pairs as a reader sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from emb_pipeline.tasks.pair_classification.task import PairClassificationTask
from emb_pipeline.tasks.pairs.display import find_rows, write_pairs
from emb_pipeline.tasks.shown_units import ShownUnits


def describe_labeled_pairs(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe pairs by both texts, each cut to its half, and by whether they are positive."""
    task = PairClassificationTask.from_tables(tables)
    rows = find_rows(task, units)
    answers = ["positive" if task.codes[row] else "negative" for row in rows]
    return ShownUnits(write_pairs(task, rows), answers, [(answer,) for answer in answers])
