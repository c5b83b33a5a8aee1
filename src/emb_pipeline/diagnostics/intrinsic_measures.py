"""Measures of word vectors that need no task, in one table, each with the direction that is taken for better."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

import pandas as pd

from emb_pipeline.diagnostics.neighbors import measure_overlaps
from emb_pipeline.diagnostics.tables import PIP_LOSS
from emb_pipeline.statistics.closeness.table import MEASURES
from emb_pipeline.statistics.score_tables import TaskScores, make_table

KNOWN_WORDS, BIAS = "known words", "bias"
NEIGHBORS, DIMENSIONS, TASK, PURITY = "neighbors", "dimensions", "task", "label purity"
DIRECTIONS: Mapping[tuple[str, str], int] = {
    ("antonyms", "told from synonyms"): 1,
    ("antonyms", "among the nearest ten"): -1,
    ("synonyms", "among the nearest ten"): 1,
    ("shape", "mean cosine of two words"): -1,
    ("shape", "variance along one direction"): -1,
    ("shape", "skewness of neighbourhoods"): -1,
    ("shape", "words near the largest hub"): -1,
}
"""1 where a higher value is better, -1 where it is worse, by check and item: said beforehand, not learned from scores."""
DIRECTIONS_OF_CHECKS: Mapping[str, int] = {"similarity": 1, "analogies": 1, KNOWN_WORDS: 1, PIP_LOSS: -1, BIAS: -1}
"""The same for all items of a check."""


def gather_measures(
    checks: pd.DataFrame, neighbors: pd.DataFrame, facts: pd.DataFrame, clusters: Mapping[str, str]
) -> pd.DataFrame:
    """Gather what is known of embeddings without a task.

    Parameters
    ----------
    checks, neighbors : DataFrame of CHECKS and NEIGHBORS
        Of the diagnosis of all origins. Of a bias, the size counts; the largest size of an embedding has no PIP loss to
        itself, and counts with 0.
    facts : DataFrame
        What each embedding is: the number of dimensions is the simplest measure.
    clusters : mapping of str to str
        Embeddings that are alike because they were made alike: how many neighbors two of them share says nothing.

    Returns
    -------
    DataFrame of MEASURES
    """
    rows = [row for check in checks.to_dict("records") for row in _read_check(check)]
    rows += [_build_row(PIP_LOSS, "", name, 0.0, -1) for name in _find_largest(checks)]
    rows += [_build_row(NEIGHBORS, "", name, value, 1) for name, value in _share_neighbors(neighbors, clusters).items()]
    sized = facts[facts["dim"].notna()]
    rows += [
        _build_row(DIMENSIONS, "", name, float(dim), 1) for name, dim in zip(sized["embedding"], sized["dim"], strict=True)
    ]
    return make_table(rows, MEASURES)


def gather_task_measures(tasks: Iterable[TaskScores], metrics: Mapping[str, str], purities: pd.DataFrame) -> pd.DataFrame:
    """Gather the scores of tasks that learn nothing, and the label purity of embeddings on tasks.

    Parameters
    ----------
    tasks : iterable of TaskScores
        Tasks whose scores are measures for other tasks.
    metrics : mapping of str to str
        Primary metric of each task.
    purities : DataFrame of task, embedding, value
        Label purities.

    Returns
    -------
    DataFrame of MEASURES
    """
    rows = [
        _build_row(TASK, task.task, name, float(value), 1)
        for task in tasks
        for name, value in zip(task.embeddings, task.metrics[metrics[task.task]].mean(axis=0), strict=True)
    ]
    rows += [
        {**_build_row(PURITY, "", row["embedding"], row["value"], 1), "task": row["task"], "uses_labels": True}
        for row in purities.to_dict("records")
    ]
    return make_table(rows, MEASURES)


def _read_check(check: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
    kind, item, value = str(check["check"]), str(check["item"]), float(check["value"])
    direction = DIRECTIONS.get((kind, item), DIRECTIONS_OF_CHECKS.get(kind))
    if direction is None:
        return
    about = "" if kind in (KNOWN_WORDS, PIP_LOSS) else item
    row = _build_row(kind, about, str(check["embedding"]), abs(value) if kind == BIAS else value, direction)
    yield {**row, "task": item} if kind == KNOWN_WORDS else row


def _build_row(measure: str, about: str, embedding: str, value: float, direction: int) -> dict[str, Any]:
    of_row = {"measure": measure, "about": about, "embedding": embedding, "task": "", "value": value}
    return {**of_row, "direction": direction, "uses_labels": False}


def _find_largest(checks: pd.DataFrame) -> list[str]:
    return [str(name) for name in checks.loc[checks["check"] == PIP_LOSS, "item"].unique()]


def _share_neighbors(neighbors: pd.DataFrame, clusters: Mapping[str, str]) -> dict[str, float]:
    """Average, for each embedding, the share of its neighbors that embeddings made otherwise have, too."""
    drawn = neighbors[~neighbors["probe"].astype(bool)]
    names = [str(name) for name in drawn["embedding"].unique()]
    pairs = [pair for pair in combinations(names, 2) if clusters.get(pair[0]) != clusters.get(pair[1])]
    shared = measure_overlaps(drawn, pairs)
    both = pd.concat([shared[[side, "shared"]].rename(columns={side: "name"}) for side in ("first", "second")])
    return {str(name): float(value) for name, value in both.groupby("name")["shared"].mean().items()}
