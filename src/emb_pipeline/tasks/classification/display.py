"""Texts of a classification task as a reader sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.shown_units import ShownUnits


def describe_texts(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe test texts by their class."""
    task = ClassificationTask.from_tables(tables)
    row_of = {name: row for row, name in enumerate(task.example_ids.tolist())}
    rows = [row_of[name] for name in units]
    labels = task.labels[rows].tolist()
    return ShownUnits([task.texts[row] for row in rows], labels, [(label,) for label in labels], task.classes.tolist())
