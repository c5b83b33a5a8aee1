"""Bootstrap intervals of means and of pseudo-values, for all systems of a task in one matrix product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, stdtrit

from emb_pipeline.statistics.intervals.pseudo_values import UNBOUNDED, PseudoValues
from emb_pipeline.statistics.resampling import draw_multinomial_counts, group_codes, sum_groups

_AT_THE_END = 1e-9
"""Share of a metric's range that a value is away from its end, below which it counts as the end itself."""


@dataclass(frozen=True)
class Interval:
    """A value and the interval around it, in the metric's own scale."""

    value: float
    low: float
    high: float


def bootstrap_means(
    scores: np.ndarray,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    discordant: bool = False,
) -> np.ndarray:
    """Means of resampled units, the same resamples for all systems.

    Parameters
    ----------
    scores : ndarray of shape (n_units, n_systems)
        Item scores, in one unit order.
    n_resamples : int
        Resamples; 2,000 give a stable 95 % interval.
    rng : Generator
        Source of the resamples.
    groups : ndarray of shape (n_units,), optional
        Units of a group are drawn together (cluster bootstrap); the mean stays the mean over units.
    weights : ndarray of shape (n_units,), optional
        How much each unit counts: the mean is ``Σ w x / Σ w``, a ratio whose two sums are drawn together.
    discordant : bool
        For differences between the systems: add to each system the noise of half a unit on which it differs from another
        one, of variance ``step_between(scores)² / (2 n_groups²)``. The difference of two systems that agree on every unit
        then has an interval, too [3]_.

    Returns
    -------
    ndarray of shape (n_resamples, n_systems), float64

    Raises
    ------
    ValueError
        Fewer than two units or groups.

    Notes
    -----
    Exact multinomial counts times scores: one float32 product. Scores are centered first, which keeps its rounding far
    below the interval's width.

    Means of resamples vary too little, by ``sqrt((n - 1) / n)``, and as a normal variable does where the variance is known.
    So the deviations of a resample are all multiplied by one number, ``sqrt(n / (n - 1))`` times ``sqrt(v / chi²_v)``, with
    v one less than the effective number of groups: every mean, and every difference of means, then varies as Student's t
    does [4]_. With 1,000 units this widens an interval by 0.2 %, with 20 by 10 %.

    References
    ----------
    .. [1] Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
    .. [2] Cameron, Gelbach & Miller (2008), Bootstrap-based improvements for inference with clustered errors, RESTAT 90(3).
    .. [3] Agresti & Min (2005), Simple improved confidence intervals for comparing matched proportions, Statistics in
       Medicine 24(5).
    .. [4] Hesterberg (2015), What teachers should know about the bootstrap, The American Statistician 69(4): percentile
       intervals are too narrow with few units.
    """
    scores = np.asarray(scores, dtype=np.float64)
    codes, n_groups = group_codes(groups, len(scores))
    center = average_units(scores, weights)
    deviating = scores - center if weights is None else (scores - center) * weights[:, None]
    sums = sum_groups(deviating, codes, n_groups).astype(np.float32)
    sizes = np.bincount(codes, weights, minlength=n_groups).astype(np.float32)
    terms = np.column_stack([sums, sizes])
    totals = np.concatenate([counts @ terms for counts in draw_multinomial_counts(n_groups, n_resamples, rng)]).astype(
        np.float64
    )
    deviations = totals[:, :-1] / totals[:, -1:]
    if discordant:
        noise = rng.standard_normal(deviations.shape, dtype=np.float32)
        n_counted = n_groups if weights is None else compute_effective_number(sizes)
        deviations += noise * (step_between(scores) / (np.sqrt(2) * n_counted))
    deviations *= _draw_widening(sizes, n_resamples, rng)[:, None]
    return np.asarray(center + deviations)


def step_between(scores: np.ndarray) -> float:
    """Typical difference of two systems on a unit on which they differ: 1 where units are right or wrong.

    The root mean square of the differences between neighboring columns that are not 0; where no two differ, the spread of
    all scores, or 1.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if not scores.size:
        return 1.0
    differences = np.abs(scores - np.roll(scores, 1, axis=1))
    spread = float(np.ptp(scores))
    differing = differences[differences > 1e-9 * max(spread, 1e-300)]
    if len(differing):
        return float(np.sqrt((differing**2).mean()))
    return spread or 1.0


def _draw_widening(sizes: np.ndarray, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Number that the deviations of each resample are multiplied by: shape (n_resamples,)."""
    n_groups, freedom = len(sizes), compute_effective_number(sizes) - 1
    shares = (np.arange(n_resamples) + 0.5) / n_resamples
    chi_squares = 2 * gammaincinv(freedom / 2, rng.permutation(shares))
    widening: np.ndarray = np.sqrt(n_groups / (n_groups - 1) * freedom / chi_squares)
    return widening


def compute_effective_number(sizes: np.ndarray) -> float:
    """Number of groups of equal size that weigh as unequally as these: ``(Σ m)² / Σ m²`` [Kish 1965, Survey Sampling]."""
    sizes = np.asarray(sizes, dtype=np.float64)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def compute_percentile_interval(value: float, resampled: np.ndarray, level: float = 0.95) -> Interval:
    """The middle ``level`` of resampled values, around a value [Efron & Tibshirani 1993, ch. 13]."""
    tail = 50 * (1 - level)
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return Interval(float(value), float(low), float(high))


def average_units(scores: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Average the units of each system; of no system, too, which `numpy.average` divides by zero for."""
    return scores.mean(axis=0) if weights is None else np.asarray((weights[:, None] * scores).sum(axis=0) / weights.sum())


def compute_mean_intervals(
    scores: np.ndarray,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    level: float = 0.95,
    bounds: tuple[float, float] = UNBOUNDED,
) -> list[Interval]:
    """Mean and interval of each system, inside its metric's bounds (`PseudoValues` know theirs); see `bootstrap_means`."""
    means = average_units(np.asarray(scores, dtype=np.float64), weights)
    resampled = bootstrap_means(scores, n_resamples=n_resamples, rng=rng, groups=groups, weights=weights)
    if isinstance(scores, PseudoValues):
        bounds = scores.bounds
    if np.isfinite(bounds).all():
        codes, n_groups = group_codes(groups, len(scores))
        n_counted = n_groups if weights is None else compute_effective_number(np.bincount(codes, weights))
        resampled = keep_in_range(means, resampled, bounds, n_groups=n_counted)
    return [compute_percentile_interval(mean, column, level) for mean, column in zip(means, resampled.T, strict=True)]


def keep_in_range(
    values: np.ndarray, resampled: np.ndarray, bounds: tuple[float, float], *, n_groups: float | np.ndarray
) -> np.ndarray:
    """Move resampled values so that none leaves the metric's range, and intervals of few units cover what they claim.

    A deviation d of a share x becomes the share p with ``p - x = d sqrt(p (1 - p) / (x (1 - x)))``. For units that are
    right or wrong, that turns Wald's interval into Wilson's score interval [1]_; where the variance holds groups, graded
    scores or another luck, it does so with the effective number of units, ``x (1 - x)`` over the variance [2]_. A
    correlation is taken by its place between -1 and 1.

    At an end of the range nothing varies. What has not occurred among n units may still occur: the values follow Wilson's
    interval of 0 or n of n, with Student's t.

    Parameters
    ----------
    values : ndarray of shape (n_systems,)
        The metric itself.
    resampled : ndarray of shape (n_resamples, n_systems)
        Of resampled units (`bootstrap_means`).
    bounds : (float, float)
        Ends of the metric's range.
    n_groups : float or ndarray of shape (n_systems,)
        Units, or groups of units, that were drawn; of a ratio, the effective number of those that count in it.

    Returns
    -------
    ndarray of shape (n_resamples, n_systems)
        In the same order as ``resampled``: the mapping is monotone. Where nothing varies, each system has an order of its
        own.

    References
    ----------
    .. [1] Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22(158).
    .. [2] Franco, Little, Louis & Slud (2019), Comparative study of confidence intervals for proportions in complex sample
       surveys, Journal of Survey Statistics and Methodology 7(3).
    """
    low, width = bounds[0], bounds[1] - bounds[0]
    places = np.clip((np.asarray(values, dtype=np.float64) - low) / width, 0, 1)
    at_end = (places < _AT_THE_END) | (places > 1 - _AT_THE_END)
    variances = np.where(at_end, 1.0, places * (1 - places))
    deviations = (resampled - values) / width
    ratios = deviations**2 / variances
    if at_end.any():
        numbers = np.broadcast_to(np.asarray(n_groups, dtype=np.float64), places.shape)[at_end]
        quantiles = stdtrit(np.maximum(numbers - 1, 1), _spread_shares(resampled[:, at_end]))
        deviations[:, at_end] = quantiles
        ratios[:, at_end] = quantiles**2 / numbers
        places, variances = np.where(at_end, places.round(), places), np.where(at_end, 0.0, variances)
    moved: np.ndarray = low + width * _solve_score(places, variances, ratios, np.sign(deviations))
    return np.asarray(np.clip(moved, *bounds))


def move_ends_into_range(
    values: np.ndarray,
    halves: np.ndarray,
    quantiles: np.ndarray,
    bounds: tuple[float, float],
    *,
    n_groups: float | np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Move the ends of symmetric intervals so that none leaves the metric's range, as `keep_in_range` moves values.

    Parameters
    ----------
    values, halves : ndarray of shape (n_systems,)
        The metric itself, and half the width of its interval.
    quantiles : ndarray of shape (n_systems,)
        Half the width in standard errors: what counts at an end of the range, where nothing varies.
    bounds, n_groups
        As of `keep_in_range`.

    Returns
    -------
    low, high : ndarray of shape (n_systems,)
    """
    low, width = bounds[0], bounds[1] - bounds[0]
    places = np.clip((np.asarray(values, dtype=np.float64) - low) / width, 0, 1)
    at_end = (places < _AT_THE_END) | (places > 1 - _AT_THE_END)
    variances = np.where(at_end, 1.0, places * (1 - places))
    ratios = np.where(at_end, np.square(quantiles) / n_groups, np.square(halves / width) / variances)
    places, variances = np.where(at_end, places.round(), places), np.where(at_end, 0.0, variances)
    below, above = (low + width * _solve_score(places, variances, ratios, sign) for sign in (-1, 1))
    return np.clip(below, *bounds), np.clip(above, *bounds)


def _solve_score(places: np.ndarray, variances: np.ndarray, ratios: np.ndarray, signs: np.ndarray | int) -> np.ndarray:
    """Solve for the share whose score statistic has this square, on this side of a measured one [Wilson 1927]."""
    half = np.sqrt(ratios * (variances + ratios / 4))
    return np.asarray((places + ratios / 2 + signs * half) / (1 + ratios))


def _spread_shares(resampled: np.ndarray) -> np.ndarray:
    """Ranks of each column's values as shares between 0 and 1; of a column that does not vary, evenly spread ones."""
    n, steps = len(resampled), np.sqrt(np.arange(2, resampled.shape[1] + 2) + 0.7)
    ties = np.argsort(np.argsort(np.arange(n)[:, None] * steps % 1, axis=0), axis=0)
    ranks = np.argsort(np.lexsort((ties, resampled), axis=0), axis=0)
    shares: np.ndarray = (ranks + 0.5) / n
    return shares
