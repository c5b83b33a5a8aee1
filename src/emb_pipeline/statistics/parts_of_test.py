"""Scores on parts of the test units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set

import numpy as np
import pandas as pd
import pyarrow as pa

from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores
from emb_pipeline.statistics.unit_scores import read_primary_scores, score_units

COLUMNS = ("task", "metric", "embedding", "origin", "part", "n", "value", "ci_low", "ci_high")


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
        seeds: the score on the part's ``n`` units. It has no interval where there are fewer than two. Scores are those
        of `TaskScores.score_on`.
    """
    several = {task: named for task, named in parts.items() if sum(map(bool, named.values())) > 1}
    found = read_primary_scores(item_scores, several, metrics)
    rows = [
        row
        for task in several
        if task in found
        for row in _build_rows(found[task], several[task], metrics[task], resampling)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _build_rows(
    found: TaskScores, parts: Mapping[str, Set[str]], metric: str, resampling: Resampling
) -> Iterator[dict[str, object]]:
    for part, units in parts.items():
        is_in = np.array([unit in units for unit in found.units])
        if not is_in.any():
            continue
        for row, score in score_units(found, metric, is_in, resampling):
            n = int(is_in.sum())
            yield {**row, "part": part, "n": n, "value": score.value, "ci_low": score.low, "ci_high": score.high}
