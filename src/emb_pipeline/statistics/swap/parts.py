"""Gains of a swap on parts of the test units: by class, by length, by how common the words are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from emb_pipeline.statistics.intervals.bootstrap import (
    bootstrap_means,
    compute_effective_number,
    compute_percentile_interval,
    step_between,
)
from emb_pipeline.statistics.intervals.metric_ranges import find_largest_difference
from emb_pipeline.statistics.resampling import Resampling, group_codes
from emb_pipeline.statistics.swap.common_units import CommonUnits, resample_difference

FEWEST_OF_PART = 20
"""Units, or groups of them, of a part below which it has no interval."""


@dataclass(frozen=True)
class Gain:
    """Candidate minus deployed on some units.

    Attributes
    ----------
    by, part : str
        What the units are parted by, and the name of the part; both empty for all units.
    n_units : int
        Units of the part.
    deployed, candidate, gain : float
        Mean scores, and their difference.
    low, high : float
        Interval of the gain; NaN where the units are too few.
    p : float
        Two-sided, adjusted over all parts that have an interval; NaN without one.
    """

    by: str
    part: str
    n_units: int
    deployed: float
    candidate: float
    gain: float
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan


def compute_gain(found: CommonUnits, metric: str, resampling: Resampling) -> Gain:
    """Compute the gain on all units, with the interval that other differences have (`bootstrap_means`)."""
    gain = _describe_part("", "", found, np.ones(len(found.units), dtype=bool))
    if found.n_groups < 2:
        return gain
    differences = resample_difference(found, resampling)
    interval = compute_percentile_interval(gain.gain, differences, 1 - resampling.level)
    deviations, largest = np.abs(differences - differences.mean()), find_largest_difference(metric)
    p = (1 + int((deviations >= abs(gain.gain)).sum())) / (1 + len(deviations))
    return _bound(gain, interval.low, interval.high, p, largest)


def compute_gains_of_parts(
    found: CommonUnits, metric: str, parts: Mapping[str, Mapping[str, Sequence[str]]], resampling: Resampling
) -> list[Gain]:
    """Compute the gain on each part, with intervals that hold for all parts at once.

    All parts are resampled together. The largest of their studentized deviations gives one critical value. So all intervals
    cover their gains at once with probability ``1 - level``, and p-values are adjusted for the number of parts (single-step
    max-t [1]_). Parts overlap, and the correction knows how much. A small part's critical value is that of Student's t. A
    part of fewer than `FEWEST_OF_PART` units, or groups of them, has neither.

    Parameters
    ----------
    found : CommonUnits
        The scores.
    metric : str
        Of the scores.
    parts : mapping of str to mapping of str to sequence of str
        By what the units are parted, the names of units by the name of the part.
    resampling : Resampling
        Resamples, level and seed.

    References
    ----------
    .. [1] Westfall & Young (1993), Resampling-Based Multiple Testing, ch. 2.
    """
    place = {unit: row for row, unit in enumerate(found.units)}
    described: list[tuple[Gain, np.ndarray]] = []
    for by, named in parts.items():
        for part, units in named.items():
            is_in = np.zeros(len(found.units), dtype=bool)
            is_in[[place[unit] for unit in units if unit in place]] = True
            if is_in.any():
                described.append((_describe_part(by, part, found, is_in), is_in))
    sizes = [_count_groups(found, is_in) for _, is_in in described]
    tested = [row for row, size in enumerate(sizes) if size >= FEWEST_OF_PART]
    gains = [gain for gain, _ in described]
    if not tested:
        return gains
    members = np.column_stack([described[row][1] for row in tested])
    means, counts = np.array([gains[row].gain for row in tested]), members.sum(axis=0)
    influences = np.where(members, found.differences[:, None] - means, 0) * (len(members) / counts)
    resampled = bootstrap_means(
        influences, n_resamples=resampling.resamples, rng=resampling.create_rng(), groups=found.groups
    )
    deviations = resampled - resampled.mean(axis=0)
    of_tested = np.array([sizes[row] for row in tested])
    step = step_between(np.column_stack([found.deployed, found.candidate]))
    noise = resampling.create_rng().standard_normal(deviations.shape) * (step / of_tested)
    deviations = deviations + noise
    spread = deviations.std(axis=0)
    largest = np.sort((np.abs(deviations) / spread).max(axis=1))
    critical = np.quantile(largest, 1 - resampling.level)
    bound = find_largest_difference(metric)
    for column, row in enumerate(tested):
        freedom = max(of_tested[column] - 1, 1)
        half = spread[column] * stdtrit(freedom, ndtr(critical))
        z = -ndtri(_tail_of_t(abs(means[column]) / spread[column], freedom))
        reached = len(largest) - int(np.searchsorted(largest, z, side="left"))
        p = (1 + reached) / (1 + len(largest))
        gains[row] = _bound(gains[row], means[column] - half, means[column] + half, p, bound)
    return gains


def _tail_of_t(value: float, freedom: float) -> float:
    return max(float(stdtr(freedom, -value)), 1e-300)


def _describe_part(by: str, part: str, found: CommonUnits, is_in: np.ndarray) -> Gain:
    if not is_in.any():
        return Gain(by, part, 0, np.nan, np.nan, np.nan)
    deployed, candidate = float(found.deployed[is_in].mean()), float(found.candidate[is_in].mean())
    return Gain(by, part, int(is_in.sum()), deployed, candidate, candidate - deployed)


def _count_groups(found: CommonUnits, is_in: np.ndarray) -> float:
    """Count the groups of a part; where they are of unequal size, the number of equal ones that weigh as much."""
    if len(np.unique(found.groups[is_in])) < 2:
        return 0.0
    codes, n_groups = group_codes(found.groups[is_in], int(is_in.sum()))
    return compute_effective_number(np.bincount(codes, minlength=n_groups))


def _bound(gain: Gain, low: float, high: float, p: float, largest: float) -> Gain:
    return replace(gain, low=float(max(low, -largest)), high=float(min(high, largest)), p=float(p))
