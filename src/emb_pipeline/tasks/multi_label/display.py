"""Texts of a multi-label classification as a reader sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from emb_pipeline.tasks.multi_label.task import MultiLabelTask
from emb_pipeline.tasks.shown_units import ShownUnits


def describe_texts(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe test texts by their labels."""
    task = MultiLabelTask.from_tables(tables)
    row_of = {name: row for row, name in enumerate(task.example_ids.tolist())}
    rows = [row_of[name] for name in units]
    labels: list[Sequence[str]] = [tuple(task.label_sets[row]) for row in rows]
    return ShownUnits([task.texts[row] for row in rows], ["; ".join(each) or "none" for each in labels], labels)
