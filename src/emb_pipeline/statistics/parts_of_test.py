"""Scores on parts of the test units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import numpy as np
import pandas as pd
import pyarrow as pa

from emb_pipeline.statistics.intervals.bootstrap import compute_mean_intervals
from emb_pipeline.statistics.intervals.metric_ranges import find_range
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores
from emb_pipeline.statistics.unseen import read_primary_scores

COLUMNS = ("task", "metric", "embedding", "origin", "part", "n", "value", "ci_low", "ci_high")
_FEWEST_UNITS = 2


def score_parts(
    item_scores: Iterable[pa.Table],
    parts: Mapping[str, Mapping[str, Set[str]]],
    metrics: Mapping[str, str],
    resampling: Resampling,
) -> pd.DataFrame:
    """Score embeddings on parts of the test units.

    Parameters
    ----------
    item_scores : iterable of Table
        Of `emb_pipeline.tasks.scores.ITEM_SCORES`.
    parts : mapping of str to mapping of str to set of str
        By task, the names of units by the name of their part.
    metrics : mapping of str to str
        Primary metric of each task.
    resampling : Resampling
        Resamples, level and seed of the intervals.

    Returns
    -------
    DataFrame of `COLUMNS`
        For each task with more than one part that is not empty, a row for each of these and each embedding, the mean of its
        seeds: the mean item score of the part's ``n`` units. It has no interval where there are fewer than two. For metrics
        that are no means of item scores it is one to first order.
    """
    several = {task: named for task, named in parts.items() if sum(map(bool, named.values())) > 1}
    found = read_primary_scores(item_scores, several, metrics)
    rows = [row for task in several if task in found for row in _build_rows(found[task], several[task], metrics, resampling)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _build_rows(
    found: TaskScores, parts: Mapping[str, Set[str]], metrics: Mapping[str, str], resampling: Resampling
) -> Iterable[dict[str, object]]:
    metric = metrics[found.task]
    scores = found.average_families(metric)
    for part, units in parts.items():
        rows = np.array([unit in units for unit in found.units])
        if not rows.any():
            continue
        intervals = [(float(value), np.nan, np.nan) for value in scores[rows].mean(axis=0)]
        if rows.sum() >= _FEWEST_UNITS:
            made = compute_mean_intervals(
                scores[rows],
                n_resamples=resampling.resamples,
                rng=resampling.create_rng(),
                groups=found.groups[rows],
                level=1 - resampling.level,
                bounds=find_range(metric),
            )
            intervals = [(each.value, each.low, each.high) for each in made]
        for (name, columns), (value, low, high) in zip(found.families.items(), intervals, strict=True):
            yield {
                "task": found.task,
                "metric": metric,
                "embedding": name,
                "origin": found.cells[columns[0]]["origin"],
                "part": part,
                "n": int(rows.sum()),
                "value": value,
                "ci_low": low,
                "ci_high": high,
            }
