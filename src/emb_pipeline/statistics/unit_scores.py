"""Scores of embeddings on some of the test units of a task, by its primary metric."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.statistics.intervals.bootstrap import Interval, compute_mean_intervals
from emb_pipeline.statistics.intervals.metric_ranges import find_range
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import CODES, TaskScores, read_task_scores

FEWEST_GROUPS = 2
"""Groups of units, which are resampled together, below which there is no interval."""


def read_primary_scores(
    item_scores: Iterable[pa.Table], tasks: Collection[str], metrics: Mapping[str, str]
) -> dict[str, TaskScores]:
    """Read the scores of some tasks by their primary metrics, by task; and what classes units have and are given."""
    primary = {metrics[task] for task in tasks if task in metrics} | set(CODES)
    tables = [
        table.filter(pc.and_(_is_one_of(table["task"], tasks), _is_one_of(table["metric"], primary)))
        for table in item_scores
    ]
    return {scores.task: scores for scores in read_task_scores(tables)} if tables else {}


def score_units(
    found: TaskScores, metric: str, is_in: np.ndarray, resampling: Resampling
) -> Iterator[tuple[dict[str, object], Interval]]:
    """Score each embedding, the mean of its seeds, on some units.

    Parameters
    ----------
    found : TaskScores
        Of the task.
    metric : str
        The metric.
    is_in : ndarray of shape (n_units,), bool
        The units: one at least.
    resampling : Resampling
        Resamples, level and seed of the intervals.

    Yields
    ------
    dict of task, metric, embedding and origin; and Interval
        The mean item score. Its ends are NaN where the units are of fewer groups than `FEWEST_GROUPS`.
    """
    scores = found.average_families_on(metric, is_in)
    intervals = [Interval(float(value), np.nan, np.nan) for value in scores.mean(axis=0)]
    groups = found.groups[is_in]
    if len(np.unique(groups)) >= FEWEST_GROUPS:
        intervals = compute_mean_intervals(
            scores,
            n_resamples=resampling.resamples,
            rng=resampling.create_rng(),
            groups=groups,
            level=1 - resampling.level,
            bounds=find_range(metric),
        )
    for (name, columns), interval in zip(found.families.items(), intervals, strict=True):
        origin = found.cells[columns[0]]["origin"]
        yield {"task": found.task, "metric": metric, "embedding": name, "origin": origin}, interval


def _is_one_of(column: pa.ChunkedArray, names: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(column.cast(pa.string()), value_set=pa.array(list(names), pa.string()))
