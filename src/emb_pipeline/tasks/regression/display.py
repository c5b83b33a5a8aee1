"""Texts of a regression task as a reader sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from emb_pipeline.tasks.regression.task import RegressionTask
from emb_pipeline.tasks.shown_units import ShownUnits


def describe_numbers(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe test texts by their number."""
    task = RegressionTask.from_tables(tables)
    row_of = {name: row for row, name in enumerate(task.example_ids.tolist())}
    rows = [row_of[name] for name in units]
    return ShownUnits([task.texts[row] for row in rows], [f"{task.targets[row]:g}" for row in rows], [() for _ in rows])
