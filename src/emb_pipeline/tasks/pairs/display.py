"""Pairs of texts as a reader sees them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emb_pipeline.tasks.pairs.task import PairTask
from emb_pipeline.tasks.shown_units import LONGEST, cut_text


def find_rows(task: PairTask, units: Sequence[str]) -> np.ndarray:
    """Find the positions of pairs, by their names: shape (n_units,), int64."""
    row_of = {name: row for row, name in enumerate(task.pair_ids.tolist())}
    return np.array([row_of[name] for name in units], dtype=np.int64)


def write_pairs(task: PairTask, rows: np.ndarray) -> list[str]:
    """Write both texts of some pairs, so that something of each is seen where both are too long."""
    sides = zip(task.first[rows].tolist(), task.second[rows].tolist(), strict=True)
    return [_join_pair(task.texts[first], task.texts[second]) for first, second in sides]


def _join_pair(first: str, second: str) -> str:
    if len(first) + len(second) + 3 <= LONGEST:
        return f"{first} ↔ {second}"
    kept, left_out = cut_text(first, LONGEST // 2 - 3)
    return f"{kept}{' …' if left_out else ''} ↔ {second}"
