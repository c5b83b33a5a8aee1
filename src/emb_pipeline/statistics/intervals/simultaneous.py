"""Intervals of several means that all hold at once: of parts of the units, of periods, of embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means, compute_effective_number, move_ends_into_range
from emb_pipeline.statistics.intervals.pseudo_values import UNBOUNDED
from emb_pipeline.statistics.resampling import Resampling, group_codes

FEWEST_OF_PART = 20
"""Units, or groups of them, of a part below which it has no interval."""


@dataclass(frozen=True, eq=False)
class Together:
    """Means with intervals that hold at once.

    Attributes
    ----------
    values, low, high : ndarray of shape (n_columns,)
        Means, and the ends of their intervals.
    p : ndarray of shape (n_columns,)
        Two-sided, of a mean of 0, adjusted for all columns of its set.
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def bound_together(
    values: np.ndarray,
    groups: np.ndarray,
    resampling: Resampling,
    *,
    members: np.ndarray | None = None,
    sets: np.ndarray | None = None,
    step: float = 0.0,
    bounds: tuple[float, float] = UNBOUNDED,
) -> Together:
    """Bound the means of several columns, so that all intervals of a set cover their means at once.

    All columns are resampled together. The largest of their studentized deviations gives one critical value for each set, so
    that its intervals cover with probability ``1 - level``, and p-values are adjusted (single-step max-t [1]_). The
    correction knows how much columns go together. A small column's critical value is that of Student's t.

    Parameters
    ----------
    values : ndarray of shape (n_units, n_columns)
        Item scores, differences or pseudo-values.
    groups : ndarray of shape (n_units,)
        Units of a group are drawn together.
    resampling : Resampling
        Resamples, level and seed.
    members : ndarray of shape (n_units, n_columns), bool, optional
        Units that each column's mean is of; all by default. At least two groups in each.
    sets : ndarray of shape (n_columns,), int, optional
        Columns whose intervals hold at once; all by default.
    step : float
        Of differences: what half a unit that differs changes (`emb_pipeline.statistics.intervals.bootstrap.step_between`),
        so that two systems that agree on all units have an interval, too.
    bounds : (float, float)
        Ends of the range of the means.

    References
    ----------
    .. [1] Westfall & Young (1993), Resampling-Based Multiple Testing, ch. 2.
    """
    values = np.asarray(values, dtype=np.float64)
    if members is None:
        means, sizes = values.mean(axis=0), np.full(values.shape[1], count_groups(groups, np.ones(len(values), dtype=bool)))
        influences = values - means
    else:
        counts, sizes = members.sum(axis=0), np.array([count_groups(groups, is_in) for is_in in members.T])
        means = np.where(members, values, 0).sum(axis=0) / counts
        influences = np.where(members, values - means, 0) * (len(values) / counts)
    resampled = bootstrap_means(influences, n_resamples=resampling.resamples, rng=resampling.create_rng(), groups=groups)
    deviations = resampled - resampled.mean(axis=0)
    if step:
        deviations = deviations + resampling.create_rng().standard_normal(deviations.shape) * (step / sizes)
    spread = deviations.std(axis=0)
    varies = spread > 0
    # What does not vary, at an end of its range, counts among the others as a column with a deviation of its own.
    own = np.abs(resampling.create_rng().standard_normal(deviations.shape))
    standardized = np.divide(np.abs(deviations), spread, out=own, where=varies)
    freedom = np.maximum(sizes - 1, 1)
    statistic = np.divide(np.abs(means), spread, out=np.where(means != 0, np.inf, 0.0), where=varies)
    z = -ndtri(np.maximum(stdtr(freedom, -statistic), 1e-300))
    quantiles, p = np.empty(len(means)), np.empty(len(means))
    sets = np.zeros(len(means), dtype=np.int64) if sets is None else sets
    for number in np.unique(sets):
        where = np.flatnonzero(sets == number)
        largest = np.sort(standardized[:, where].max(axis=1))
        critical = np.quantile(largest, 1 - resampling.level)
        quantiles[where] = stdtrit(freedom[where], ndtr(critical))
        reached = len(largest) - np.searchsorted(largest, z[where], side="left")
        p[where] = (1 + reached) / (1 + len(largest))
    halves = spread * quantiles
    if np.isfinite(bounds).all():
        low, high = move_ends_into_range(means, halves, quantiles, bounds, n_groups=sizes)
    else:
        low, high = means - halves, means + halves
    return Together(means, low, high, p)


def count_groups(groups: np.ndarray, is_in: np.ndarray) -> float:
    """Count the groups of some units; where they are of unequal size, the number of equal ones that weigh as much."""
    if len(np.unique(groups[is_in])) < 2:
        return 0.0
    codes, n_groups = group_codes(groups[is_in], int(is_in.sum()))
    return compute_effective_number(np.bincount(codes, minlength=n_groups))
