"""Gains of a swap on parts of the test units: by class, by length, by how common the words are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from emb_pipeline.statistics.intervals.bootstrap import compute_percentile_interval, step_between
from emb_pipeline.statistics.intervals.metric_ranges import find_largest_difference
from emb_pipeline.statistics.intervals.simultaneous import FEWEST_OF_PART, bound_together, count_groups
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.swap.common_units import CommonUnits, resample_difference


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

    All intervals cover their gains at once, and p-values are adjusted for the number of parts (`bound_together`). Parts
    overlap, and the correction knows how much. A part of fewer than `FEWEST_OF_PART` units, or groups of them, has neither.

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
    """
    place = {unit: row for row, unit in enumerate(found.units)}
    described: list[tuple[Gain, np.ndarray]] = []
    for by, named in parts.items():
        for part, units in named.items():
            is_in = np.zeros(len(found.units), dtype=bool)
            is_in[[place[unit] for unit in units if unit in place]] = True
            if is_in.any():
                described.append((_describe_part(by, part, found, is_in), is_in))
    tested = [row for row, (_, is_in) in enumerate(described) if count_groups(found.groups, is_in) >= FEWEST_OF_PART]
    gains = [gain for gain, _ in described]
    if not tested:
        return gains
    members = np.column_stack([described[row][1] for row in tested])
    step = step_between(np.column_stack([found.deployed, found.candidate]))
    differences = np.broadcast_to(found.differences[:, None], members.shape)
    together = bound_together(differences, found.groups, resampling, members=members, step=step)
    bound = find_largest_difference(metric)
    for column, row in enumerate(tested):
        low, high, p = together.low[column], together.high[column], together.p[column]
        gains[row] = _bound(gains[row], low, high, p, bound)
    return gains


def _describe_part(by: str, part: str, found: CommonUnits, is_in: np.ndarray) -> Gain:
    if not is_in.any():
        return Gain(by, part, 0, np.nan, np.nan, np.nan)
    deployed, candidate = float(found.deployed[is_in].mean()), float(found.candidate[is_in].mean())
    return Gain(by, part, int(is_in.sum()), deployed, candidate, candidate - deployed)


def _bound(gain: Gain, low: float, high: float, p: float, largest: float) -> Gain:
    return replace(gain, low=float(max(low, -largest)), high=float(min(high, largest)), p=float(p))
