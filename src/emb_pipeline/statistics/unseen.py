"""Scores with and without the test units whose text was seen in training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set

import numpy as np
import pandas as pd
import pyarrow as pa

from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores
from emb_pipeline.statistics.unit_scores import FEWEST_GROUPS, read_primary_scores, score_units

COLUMNS = (
    "task",
    "metric",
    "embedding",
    "origin",
    "n",
    "n_seen",
    "value",
    "value_unseen",
    "ci_low",
    "ci_high",
    "difference",
)


def score_unseen(
    item_scores: Iterable[pa.Table], seen: Mapping[str, Set[str]], metrics: Mapping[str, str], resampling: Resampling
) -> pd.DataFrame:
    """Score embeddings on the test units that nothing in the training part resembles.

    Parameters
    ----------
    item_scores : iterable of Table
        Of `emb_pipeline.tasks.scores.ITEM_SCORES`.
    seen : mapping of str to set of str
        By task, the units whose text was seen in training.
    metrics : mapping of str to str
        Primary metric of each task.
    resampling : Resampling
        Resamples, level and seed of the intervals.

    Returns
    -------
    DataFrame of `COLUMNS`
        For each task with such units, a row for each embedding, the mean of its seeds: its mean item score on all ``n``
        units and on the ``n - n_seen`` others, with the interval of the latter, and the first minus the second. For metrics
        that are no means of item scores (F1 of tagging), the second is one to first order.
    """
    wanted = {task: units for task, units in seen.items() if units and task in metrics}
    found = read_primary_scores(item_scores, wanted, metrics)
    rows = [
        row for task in wanted if task in found for row in _build_rows(found[task], wanted[task], metrics[task], resampling)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _build_rows(found: TaskScores, seen: Set[str], metric: str, resampling: Resampling) -> Iterator[dict[str, object]]:
    is_seen = np.array([unit in seen for unit in found.units])
    n_seen = int(is_seen.sum())
    if not n_seen or len(np.unique(found.groups[~is_seen])) < FEWEST_GROUPS:
        return
    whole = found.average_families(metric).mean(axis=0)
    for value, (row, unseen) in zip(whole, score_units(found, metric, ~is_seen, resampling), strict=True):
        yield {
            **row,
            "n": len(is_seen),
            "n_seen": n_seen,
            "value": float(value),
            "value_unseen": unseen.value,
            "ci_low": unseen.low,
            "ci_high": unseen.high,
            "difference": float(value) - unseen.value,
        }
