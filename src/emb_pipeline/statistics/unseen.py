"""Scores with and without the test units whose text was seen in training."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.statistics.intervals.bootstrap import compute_mean_intervals
from emb_pipeline.statistics.intervals.metric_ranges import find_range
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, read_task_scores

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


def read_primary_scores(
    item_scores: Iterable[pa.Table], tasks: Collection[str], metrics: Mapping[str, str]
) -> dict[str, TaskScores]:
    """Read the scores of some tasks by their primary metrics, by task."""
    primary = {metrics[task] for task in tasks if task in metrics}
    tables = [
        table.filter(pc.and_(_is_one_of(table["task"], tasks), _is_one_of(table["metric"], primary)))
        for table in item_scores
    ]
    return {scores.task: scores for scores in read_task_scores(tables)} if tables else {}


def _is_one_of(column: pa.ChunkedArray, names: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(column.cast(pa.string()), value_set=pa.array(list(names), pa.string()))


def _build_rows(found: TaskScores, seen: Set[str], metric: str, resampling: Resampling) -> list[dict[str, object]]:
    is_seen = np.array([unit in seen for unit in found.units])
    n_seen = int(is_seen.sum())
    if not n_seen or len(is_seen) - n_seen < 2:
        return []
    scores = found.average_families(metric)
    whole = scores.mean(axis=0)
    intervals = compute_mean_intervals(
        scores[~is_seen],
        n_resamples=resampling.resamples,
        rng=resampling.create_rng(),
        groups=found.groups[~is_seen],
        level=1 - resampling.level,
        bounds=find_range(metric),
    )
    return [
        {
            "task": found.task,
            "metric": metric,
            "embedding": name,
            "origin": found.cells[columns[0]]["origin"],
            "n": len(is_seen),
            "n_seen": n_seen,
            "value": float(value),
            "value_unseen": interval.value,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "difference": float(value) - interval.value,
        }
        for (name, columns), value, interval in zip(found.families.items(), whole, intervals, strict=True)
    ]
