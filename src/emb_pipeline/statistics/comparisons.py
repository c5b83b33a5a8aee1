"""All pairs of systems on the same units: differences, intervals, and tests that hold for all pairs together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa

from emb_pipeline.statistics.intervals import bootstrap_means
from emb_pipeline.statistics.power import smallest_detectable_difference
from emb_pipeline.statistics.resampling import group_codes, group_sums, random_signs

COMPARISONS = pa.schema(
    [
        ("embedding_a", pa.string()),
        ("embedding_b", pa.string()),
        ("difference", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("p", pa.float64()),
        ("p_adjusted", pa.float64()),
        ("detectable", pa.float64()),
        ("n", pa.int64()),
    ]
)
_TIE = 1e-5
"""Float32 sums that should be equal differ by less."""


def paired_comparisons(
    scores: np.ndarray,
    names: Sequence[str],
    *,
    n_resamples: int = 2000,
    n_permutations: int = 4999,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    pairs: Sequence[tuple[int, int]] | None = None,
    largest: float = np.inf,
) -> pa.Table:
    """Compare each pair of systems.

    Parameters
    ----------
    scores : ndarray of shape (n_units, n_systems)
        Item scores, in one unit order.
    names : sequence of str
        Names of the systems.
    n_resamples, n_permutations : int
        Bootstrap resamples for the intervals; random sign flips for the tests.
    rng : Generator
        Source of both.
    groups : ndarray of shape (n_units,), optional
        Units of a group are drawn, and flipped, together.
    level : float
        Of the intervals, each for its own pair.
    pairs : sequence of (int, int), optional
        The columns to compare; all pairs if left out. The tests are adjusted for these pairs.
    largest : float
        Largest difference that the metric can show: intervals are cut off there.

    Returns
    -------
    Table of embedding_a, embedding_b, difference (a - b), ci_low, ci_high, p, p_adjusted, detectable, n
        One row per pair. ``detectable`` is the true difference that a single test of the pair finds in 80 % of cases.

    Raises
    ------
    ValueError
        Names and columns differ in number, or fewer than two units or groups.

    Notes
    -----
    `sign_flip_tests` says what the p-values are. An interval is a bootstrap statement and p a randomisation statement: near
    the border they can disagree.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] != len(names):
        raise ValueError(f"scores of shape {scores.shape} for {len(names)} names")
    a, b = _pairs(len(names), pairs)
    means = scores.mean(axis=0)
    p, p_adjusted = sign_flip_tests(scores, n_permutations=n_permutations, rng=rng, groups=groups, pairs=pairs)
    resampled = bootstrap_means(scores, n_resamples=n_resamples, rng=rng, groups=groups)
    tail = 50 * (1 - level)
    differences = [resampled[:, i] - resampled[:, j] for i, j in zip(a, b, strict=True)]
    bounds = np.array([np.percentile(each, [tail, 100 - tail]) for each in differences]).reshape(-1, 2)
    errors = np.array([each.std() for each in differences])
    return pa.table(
        {
            "embedding_a": [names[i] for i in a],
            "embedding_b": [names[i] for i in b],
            "difference": means[a] - means[b],
            "ci_low": np.maximum(bounds[:, 0], -largest),
            "ci_high": np.minimum(bounds[:, 1], largest),
            "p": p,
            "p_adjusted": p_adjusted,
            "detectable": smallest_detectable_difference(errors, 1 - level),
            "n": np.full(len(a), len(scores)),
        },
        schema=COMPARISONS,
    )


def sign_flip_tests(
    scores: np.ndarray,
    *,
    n_permutations: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    pairs: Sequence[tuple[int, int]] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided randomisation tests of all pairs, single and adjusted for their number.

    Under the null hypothesis two systems' scores on a unit could be exchanged, which flips the sign of their difference.
    The statistic is the sum of the units' differences over the root of the sum of their squares: it grows with the paired t
    statistic, and its denominator does not change under flips. ``p = (count + 1) / (n_permutations + 1)``, where count
    is the number of flips that reach the observed statistic; ties count. The adjusted p compares with the largest
    statistic of all pairs under the same flips (single-step max-T), which keeps the probability of any false finding
    below the level, whatever the correlation of the pairs.

    Parameters
    ----------
    scores : ndarray of shape (n_units, n_systems)
        Item scores, in one unit order.
    n_permutations : int
        Random flips.
    rng : Generator
        Their source.
    groups : ndarray of shape (n_units,), optional
        Units of a group flip together.
    pairs : sequence of (int, int), optional
        The columns to compare; `itertools.combinations` if left out.

    Returns
    -------
    p, p_adjusted : ndarray of shape (n_pairs,)
        In the order of the pairs. Systems with equal scores everywhere have p = 1.

    References
    ----------
    .. [1] Westfall & Young (1993), Resampling-Based Multiple Testing, ch. 2.
    .. [2] Nichols & Holmes (2002), Nonparametric permutation tests for functional neuroimaging, Human Brain Mapping 15(1).
    .. [3] Phipson & Smyth (2010), Permutation p-values should never be zero, SAGMB 9(1).
    """
    scores = np.asarray(scores, dtype=np.float64)
    codes, n_groups = group_codes(groups, len(scores))
    # What all systems share on a unit cancels in every difference; without it float32 sums lose less.
    sums = group_sums(scores - scores.mean(axis=1, keepdims=True), codes, n_groups)
    a, b = _pairs(scores.shape[1], pairs)
    if not len(a):
        return np.ones(0), np.ones(0)
    squares = sums.T @ sums
    lengths = np.sqrt(np.maximum(np.diag(squares)[a] + np.diag(squares)[b] - 2 * squares[a, b], 0))
    largest = np.abs(scores).max(initial=0)
    differs = lengths > 1e-6 * max(largest, 1e-300)
    weights = np.divide(1, lengths, out=np.zeros(len(a)), where=differs)
    totals = sums.sum(axis=0)
    observed = np.abs(totals[a] - totals[b]) * weights * (1 - _TIE) - _TIE
    single, adjusted = np.zeros(len(a), dtype=np.int64), np.zeros(len(a), dtype=np.int64)
    terms, weights32 = sums.astype(np.float32), weights.astype(np.float32)
    for signs in random_signs(n_groups, n_permutations, rng):
        flipped = signs @ terms
        for block in np.array_split(flipped, max(1, len(flipped) * len(a) >> 23)):
            statistics = np.abs(block[:, a] - block[:, b]) * weights32
            single += (statistics >= observed).sum(axis=0)
            highest = np.sort(statistics.max(axis=1))
            adjusted += len(highest) - np.searchsorted(highest, observed)
    p, p_adjusted = (1 + single) / (1 + n_permutations), (1 + adjusted) / (1 + n_permutations)
    return np.where(differs, p, 1.0), np.where(differs, p_adjusted, 1.0)


def _pairs(n_systems: int, pairs: Sequence[tuple[int, int]] | None) -> tuple[np.ndarray, np.ndarray]:
    columns = np.array(list(combinations(range(n_systems), 2)) if pairs is None else pairs, dtype=np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]
