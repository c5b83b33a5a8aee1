"""Questions as a reader sees them, with the answers that people gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from emb_pipeline.tasks.extractive_qa.task import ExtractiveTask
from emb_pipeline.tasks.shown_units import ShownUnits


def describe_questions(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe test questions by their answers."""
    task = ExtractiveTask.from_tables(tables)
    row_of = {name: row for row, name in enumerate(task.example_ids.tolist())}
    rows = [row_of[name] for name in units]
    answers = [" / ".join(dict.fromkeys(task.answers[row])) for row in rows]
    return ShownUnits([task.questions[row] for row in rows], answers, [() for _ in rows])
