"""The value of what was chosen by its score: the same scores flatter it (the winner's curse)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from emb_pipeline.statistics.comparisons.listed_pairs import MOST_IN_ALL_PAIRS
from emb_pipeline.statistics.decision.dunnett import compare_with
from emb_pipeline.statistics.decision.non_inferiority import find_required_leads
from emb_pipeline.statistics.decision.scored import Scored
from emb_pipeline.statistics.intervals.bootstrap import Interval, compute_percentile_interval
from emb_pipeline.statistics.intervals.metric_ranges import find_range

Choice: TypeAlias = Callable[[np.ndarray], np.ndarray]
"""The rule of choosing: from scores of shape (n_resamples, n_embeddings), the column that is chosen of each row."""


def correct_for_choosing(scored: Scored, chosen: int, choose: Choice, level: float = 0.05) -> Interval:
    """Estimate the true mean of what was chosen by its measured mean, with an interval.

    The choice is made again in resamples; how far the chosen one's resampled mean is above its own is what choosing adds.
    How much that is depends on how close the true means are, and the measured ones are further apart than these. So the
    resamples are taken about means that are pulled together by as much as their spread is chance (`estimate_likely_means`).

    The interval does not rely on that estimate. Its lower end is as low as if all that may be the best were equally good,
    which is where choosing adds most; its upper end is as high as if choosing had added nothing.

    Parameters
    ----------
    scored : Scored
        All that the choice was made among.
    chosen : int
        The column that was chosen.
    choose : callable
        The rule by which it was.
    level : float
        The interval covers ``1 - level``.

    Returns
    -------
    Interval
        The corrected value, in the metric's scale; it is the measured one where nothing else may be the best.

    References
    ----------
    .. [1] Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 10 (bias).
    .. [2] Andrews, Kitagawa & McCloskey (2024), Inference on winners, QJE 139(1).
    .. [3] Zrnic & Fithian (2024), Locally simultaneous inference, Annals of Statistics 52(3).
    """
    value, deviations = float(scored.values[chosen]), scored.deviations
    rows, tail = np.arange(len(deviations)), level / 2

    def measure_flattery(means: np.ndarray) -> np.ndarray:
        return np.asarray(deviations[rows, choose(means + deviations)])

    plain = compute_percentile_interval(value, value + deviations[:, chosen], 1 - level)
    rivals = find_possible_best(scored, level)
    if rivals.sum() < 2:
        return Interval(value, plain.low, plain.high)
    equal = measure_flattery(np.where(rivals, scored.values.max(), scored.values))
    added = float(measure_flattery(estimate_likely_means(scored, level)).mean())
    lowest, highest = find_range(scored.metric)
    low = max(min(plain.low, value - float(np.quantile(equal, 1 - tail))), lowest)
    return Interval(float(np.clip(value - added, low, plain.high)), low, min(plain.high, highest))


def find_possible_best(scored: Scored, level: float = 0.05) -> np.ndarray:
    """Tell which embeddings are not significantly worse than the one that is measured best (max-T over all of them)."""
    best = int(scored.values.argmax())
    lacking = -scored.deviations
    (widths,) = compare_with(lacking, lacking[:, [best]]).compute_widths(level)
    return np.asarray(scored.values[best] - scored.values <= widths)


def estimate_likely_means(scored: Scored, level: float = 0.05) -> np.ndarray:
    """Pull measured means together by as much as their spread is chance.

    Those that may be the best, the leader left out, are shrunk toward their mean by the root of the share of their variance
    that is no chance (0 where they vary no more than chance makes them). The leader is shrunk likewise as far as it is no
    further ahead than the highest of so many would be by chance: twice the probability of that, at most 1, is the weight of
    its shrunk mean, the rest that of its measured one. All others keep their means.

    Returns
    -------
    ndarray of shape (n_embeddings,)
        In the order of the measured means.

    References
    ----------
    .. [1] Efron & Morris (1975), Data analysis using Stein's estimator and its generalizations, JASA 70(350).
    """
    means = scored.values.astype(np.float64, copy=True)
    leader = int(means.argmax())
    rivals = np.flatnonzero(find_possible_best(scored, level))
    others = rivals[rivals != leader]
    if not len(others):
        return means
    center, measured = float(means[others].mean()), means[rivals]
    kept = 1 - _share_of_chance(means[others], scored.deviations[:, others])
    highest = _center_deviations(scored.deviations[:, rivals]).max(axis=1) / np.sqrt(max(1 - kept, 1e-6))
    weight = min(1.0, 2 * float((highest >= measured.max() - measured.mean()).mean()))
    means[others] = center + np.sqrt(kept) * (means[others] - center)
    means[leader] = center + (1 - weight + weight * np.sqrt(kept)) * (means[leader] - center)
    return means


def _share_of_chance(values: np.ndarray, deviations: np.ndarray) -> float:
    n = len(values)
    if n < 2:
        return 1.0
    chance = float((_center_deviations(deviations) ** 2).mean()) * n / (n - 1)
    measured = float(values.var(ddof=1))
    return 1.0 if chance >= measured else chance / measured


def _center_deviations(deviations: np.ndarray) -> np.ndarray:
    return np.asarray(deviations - deviations.mean(axis=1, keepdims=True))


def take_highest(scores: np.ndarray) -> np.ndarray:
    """The rule that takes the highest."""
    return np.asarray(scores.argmax(axis=1))


def take_cheapest_shown(scored: Scored, order: np.ndarray, level: float = 0.05) -> Choice:
    """The rule that takes the first, in this order of costs, that is shown to be not inferior; the highest where none is.

    Parameters
    ----------
    scored : Scored
        All that the choice is made among.
    order : ndarray of shape (n_embeddings,)
        Columns, the cheapest first.
    level : float
        Of the test.
    """
    required = find_required_leads(scored, level)

    def choose_among_many(scores: np.ndarray) -> np.ndarray:
        from emb_pipeline.statistics.decision.dunnett_kernel import choose_first_shown  # takes numba along

        first = choose_first_shown(np.ascontiguousarray(scores, dtype=np.float64), required, order)
        return np.where(first >= 0, first, take_highest(scores))

    def choose(scores: np.ndarray) -> np.ndarray:
        shown = np.stack([(scores[:, [j]] - scores > required[:, j]).all(axis=1) for j in order], axis=1)
        return np.where(shown.any(axis=1), order[shown.argmax(axis=1)], take_highest(scores))

    return choose if len(order) <= MOST_IN_ALL_PAIRS else choose_among_many
