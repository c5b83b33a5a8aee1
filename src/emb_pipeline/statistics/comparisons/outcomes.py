"""Wins, losses and ties of pairs of embeddings, unit by unit: in all units, and in each group of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from emb_pipeline.statistics.intervals.pseudo_values import recover_numerators
from emb_pipeline.statistics.score_tables import TaskScores

OUTCOMES = {
    "task": "string",
    "metric": "string",
    "embedding_a": "string",
    "embedding_b": "string",
    "group": "string",
    "wins": "int64",
    "losses": "int64",
    "ties": "int64",
}
"""Units on which a scores more than b, less, and as much. ``group`` is missing in the row of all units."""
DECIMALS = 9
"""Scores of a unit that agree to so many decimals are equal: beyond is the rounding of sums."""


def score_units(found: TaskScores, metric: str, names: Sequence[str]) -> np.ndarray:
    """Find the score of each unit by itself, seeds averaged.

    A ratio of sums (F1) is that of the unit's own counts: 1 where there is nothing to find and nothing was found.

    Parameters
    ----------
    found : TaskScores
        Item scores of the task.
    metric : str
        One of its metrics.
    names : sequence of str
        Families of embeddings.

    Returns
    -------
    ndarray of shape (n_units, n_names)
    """
    scores = np.asarray(found.metrics[metric], dtype=np.float64)
    if metric in found.denominators:
        below = found.denominators[metric]
        scores = np.divide(recover_numerators(scores, below), below, out=np.ones_like(below), where=below > 0)
    means = [scores[:, found.families[name]].mean(axis=1) for name in names]
    return np.round(np.column_stack(means), DECIMALS) if means else np.zeros((len(scores), 0))


def count_outcomes(
    task: str, metric: str, names: Sequence[str], scores: np.ndarray, groups: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> pd.DataFrame:
    """Count wins, losses and ties of each pair of embeddings.

    Parameters
    ----------
    task, metric : str
        What was scored, and by what.
    names : sequence of str
        Embeddings.
    scores : ndarray of shape (n_units, n_names)
        Score of each unit (`score_units`).
    groups : mapping of str to (ndarray of shape (n_of_group,), ndarray of shape (n_units, n_names))
        Of each group its units, and the scores that count in it.

    Returns
    -------
    DataFrame with the columns of OUTCOMES
        Pairs in the order of `itertools.combinations`; of each, all units first.
    """
    pairs = np.array(list(combinations(range(len(names)), 2)), dtype=np.int64).reshape(-1, 2)
    counted: list[tuple[str | None, np.ndarray]] = [(None, scores)]
    counted += [(group, of_group[units]) for group, (units, of_group) in groups.items()]
    parts = []
    for group, values in counted:
        a, b = values[:, pairs[:, 0]], values[:, pairs[:, 1]]
        wins, losses = (a > b).sum(axis=0), (a < b).sum(axis=0)
        parts.append(
            pd.DataFrame(
                {
                    "task": task,
                    "metric": metric,
                    "embedding_a": [names[i] for i in pairs[:, 0]],
                    "embedding_b": [names[i] for i in pairs[:, 1]],
                    "group": pd.Series([group] * len(pairs), dtype="string"),
                    "wins": wins,
                    "losses": losses,
                    "ties": len(values) - wins - losses,
                }
            )
        )
    whole: pd.DataFrame = pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
    return whole[list(OUTCOMES)].astype(OUTCOMES)
