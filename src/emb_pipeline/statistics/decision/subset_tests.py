"""The tests of a decision for many sets of candidates at once, each as if these alone competed.

An embedding is shown to be not inferior where, against each other i, no more than the level's share of resamples has a
largest standardized deviation from i as high as its own statistic (`non_inferiority`). The largest is taken over those
that compete. So a further competitor can only make it harder: what passes among all passes in every set, and what fails
against one other alone fails wherever that one competes. Resamples are looked at only for what is between the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emb_pipeline.statistics.decision.dunnett import standardize
from emb_pipeline.statistics.decision.scored import Scored


@dataclass(frozen=True, eq=False)
class SubsetVerdicts:
    """Verdicts on each candidate in each set; those that do not compete in a set have no meaning there.

    Attributes
    ----------
    is_shown, is_above : ndarray of shape (n_sets, n_embeddings), bool
        Not inferior to the best of the set; better than every floor.
    """

    is_shown: np.ndarray
    is_above: np.ndarray


def check_subsets(scored: Scored, sets: np.ndarray, level: float = 0.05) -> SubsetVerdicts:
    """Test candidates in each of several sets, as `check_non_inferiority` and `run_floor_tests` do for one.

    Parameters
    ----------
    scored : Scored
        All candidates.
    sets : ndarray of shape (n_sets, n_embeddings), bool
        Which of them compete.
    level : float
        Of the tests.
    """
    n, deviations = len(scored.embeddings), scored.deviations
    is_shown, is_above = np.ones_like(sets), np.ones_like(sets)
    for i in range(n):
        passes = _compare_with_reference(
            deviations, deviations[:, i], scored.values - scored.values[i] + scored.margin, sets, level, itself=i
        )
        is_shown &= passes | ~sets[:, [i]]
    alone = sets.sum(axis=1) == 1
    is_shown[alone] = _is_rejected(np.zeros(1), len(deviations), level)[0]
    if scored.floor is not None and n:
        for column, value in enumerate(scored.floor.values.tolist()):
            reference = scored.floor.deviations[:, column]
            is_above &= _compare_with_reference(deviations, reference, scored.values - value, sets, level)
    return SubsetVerdicts(is_shown, is_above)


def _compare_with_reference(
    deviations: np.ndarray,
    reference: np.ndarray,
    leads: np.ndarray,
    sets: np.ndarray,
    level: float,
    itself: int | None = None,
) -> np.ndarray:
    """Say of each candidate in each set whether its lead over a reference is significant (Dunnett)."""
    standardized, statistic = standardize(deviations, reference, leads)
    if itself is not None:
        standardized[:, itself] = -np.inf
    n_resamples, highest = len(standardized), standardized.max(axis=1)
    passes = np.ones(sets.shape, dtype=bool)
    for j in range(sets.shape[1]):
        if j == itself:
            continue
        reached = np.flatnonzero(highest >= statistic[j])
        if _is_rejected(np.array([len(reached)]), n_resamples, level)[0]:
            continue
        by_itself = standardized[reached, j] >= statistic[j]
        alone = int(by_itself.sum())
        if not _is_rejected(np.array([alone]), n_resamples, level)[0]:
            passes[:, j] = False
            continue
        where = np.flatnonzero(sets[:, j] if itself is None else sets[:, j] & sets[:, itself])
        others, times = np.unique(standardized[reached[~by_itself]] >= statistic[j], axis=0, return_counts=True)
        reached_by = others.astype(np.float32) @ sets[where].T.astype(np.float32) > 0
        passes[where, j] = _is_rejected(alone + times @ reached_by, n_resamples, level)
    return passes


def _is_rejected(n_reached: np.ndarray, n_resamples: int, level: float) -> np.ndarray:
    """Say whether a p-value is at most the level, where so many resamples reach the statistic."""
    return np.asarray((1 + n_reached) / (1 + n_resamples) <= level)
