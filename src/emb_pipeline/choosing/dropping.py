"""Standings of the embeddings of a task after a round."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from emb_pipeline.experiment.choosing import DROPPED, REMAINS, State


def judge(
    scores: Mapping[str, np.ndarray], *, n_total: int, margin: float, level: float, keep: Sequence[str]
) -> dict[str, tuple[State, float, str, float]]:
    """Placeholder until the sequential statistics are there: state, half width, best and how far behind at least."""
    names = list(scores)
    values = np.column_stack([scores[name] for name in names])
    n = len(values)
    means = values.mean(axis=0)
    best = int(means.argmax())
    z = math.sqrt(2 * math.log(4 * max(len(names), 2) * 10 / level))
    left = math.sqrt(max(1 - n / n_total, 0.0))
    found = {}
    for column, name in enumerate(names):
        difference = values[:, best] - values[:, column]
        width = z * difference.std(ddof=1) / math.sqrt(n) * left
        own = z * values[:, column].std(ddof=1) / math.sqrt(n) * left
        behind = float(difference.mean() - width)
        state: State = DROPPED if column != best and behind > margin and name not in keep else REMAINS
        found[name] = (state, float(own), names[best], behind)
    return found
