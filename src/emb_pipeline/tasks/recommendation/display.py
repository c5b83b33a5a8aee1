"""Users as a reader sees them, with what they took afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.recommendation.task import RecommendationTask
from emb_pipeline.tasks.shown_units import ShownUnits, cut_text

_LONGEST_NAME = 60


def describe_users(tables: Mapping[str, pa.Table], units: Sequence[str]) -> ShownUnits:
    """Describe users by their name, and by the test items that they took: what is said of each, or else its name."""
    task = RecommendationTask.from_tables(tables)
    row_of = {name: row for row, name in enumerate(task.user_ids.tolist())}
    is_test = task.split == "test"
    users, items = task.users[is_test], task.items[is_test]
    order = np.argsort(users, kind="stable")
    starts = np.searchsorted(users[order], np.arange(len(task.user_ids) + 1))
    answers = [
        "; ".join(_name_item(task, item) for item in items[order[starts[row] : starts[row + 1]]].tolist())
        for row in (row_of[name] for name in units)
    ]
    return ShownUnits([f"user {name}" for name in units], answers, [() for _ in units])


def _name_item(task: RecommendationTask, item: int) -> str:
    if task.texts is None or not task.texts[item].strip():
        return str(task.item_ids[item])
    kept, left_out = cut_text(task.texts[item], _LONGEST_NAME)
    return f"{kept} …" if left_out else kept
