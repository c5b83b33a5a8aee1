"""The loss where only the embeddings that a cheap measure puts first are evaluated on a task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from emb_pipeline.statistics.resampling import sum_groups

SPLITS = 200
"""Random halves of the test units, each used both ways."""


@dataclass(frozen=True, eq=False)
class Savings:
    """Loss of evaluating k embeddings in place of all, for each k from 1 to all.

    Attributes
    ----------
    loss : ndarray of shape (n_embeddings,)
        By the measure's first k.
    loss_by_chance : ndarray of shape (n_embeddings,)
        By k drawn at random: the mean over all draws.
    """

    loss: np.ndarray
    loss_by_chance: np.ndarray


def estimate_savings(order: np.ndarray, halves: list[tuple[np.ndarray, np.ndarray]]) -> Savings:
    """Estimate what the best of a measure's first k embeddings scores less than the best of all.

    The best is chosen by its scores on one half of the test units, and scored on the other half: the winner's luck is in
    neither. A loss can be below zero by chance.

    Parameters
    ----------
    order : ndarray of shape (n_embeddings,)
        Embeddings by the measure, the most promising first.
    halves : list of (ndarray of shape (n_embeddings,), ndarray of shape (n_embeddings,))
        Mean scores to choose by, and to score the chosen one with (`split_scores`). Higher is better.
    """
    n = len(order)
    by_measure, by_chance = np.zeros(n), np.zeros(n)
    shares = share_of_subsets(n)
    for chosen_by, scored_by in halves:
        ordered = chosen_by[order]
        best_so_far = order[_find_running_best(ordered)]
        ranked = np.argsort(-chosen_by, kind="stable")
        top = scored_by[ranked[0]]
        by_measure += top - scored_by[best_so_far]
        by_chance += top - shares @ scored_by[ranked]
    return Savings(by_measure / len(halves), by_chance / len(halves))


def share_of_subsets(n: int) -> np.ndarray:
    """Share of the subsets of k of n that the j-th best is the best of: shape (n, n), row k - 1 and column j - 1.

    ``C(n - j, k - 1) / C(n, k)``.
    """
    from scipy.special import comb

    k, j = np.arange(1, n + 1)[:, None], np.arange(1, n + 1)[None, :]
    return np.asarray(comb(n - j, k - 1) / comb(n, k))


def split_scores(
    scores: np.ndarray, groups: np.ndarray, rng: np.random.Generator, n_splits: int = SPLITS
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Split test units into random halves, by groups, and yield the mean scores on each, both ways.

    Parameters
    ----------
    scores : ndarray of shape (n_units, n_embeddings)
        Item scores.
    groups : ndarray of shape (n_units,)
        Units of a group stay in one half.
    rng : Generator
        Source of the splits.
    n_splits : int
        Splits; each gives two pairs.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    n_groups = int(codes.max()) + 1
    sums, sizes = sum_groups(scores, codes, n_groups), np.bincount(codes).astype(np.float64)
    for _ in range(n_splits):
        is_first = np.zeros(n_groups, dtype=bool)
        is_first[rng.permutation(n_groups)[: n_groups // 2]] = True
        one, other = (sums[part].sum(axis=0) / sizes[part].sum() for part in (is_first, ~is_first))
        yield one, other
        yield other, one


def _find_running_best(values: np.ndarray) -> np.ndarray:
    """Find the place of the highest value among the first k, for each k; of equal ones the first."""
    is_new = np.r_[True, values[1:] > np.maximum.accumulate(values)[:-1]]
    return np.maximum.accumulate(np.where(is_new, np.arange(len(values)), 0))
