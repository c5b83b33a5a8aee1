"""Bounds of the mean of a finite set of units, while they are drawn without replacement: by betting."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

BOLDNESS = 0.75
"""Largest share of the capital that one unit can lose."""
_N_HALVINGS = 16


def find_lower_bound(values: np.ndarray, *, n_total: int, lowest: float, highest: float, level: float) -> float:
    """Find a lower bound of the mean of all units that holds after each unit at once.

    For each candidate mean m, a gambler bets that the mean is higher: after unit t the capital is multiplied by
    ``1 + bet * (value - what the mean of the rest would be)``. If m, or something lower, is the mean, the capital does not
    grow in expectation, and exceeds ``1 / level`` at any time in at most ``level`` of cases. What is exceeded is ruled out.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Of the units in the order in which they were drawn, which must be a random one.
    n_total : int
        Units in all.
    lowest, highest : float
        Range of a value.
    level : float
        Probability that the mean is ever below the bound.

    Returns
    -------
    float
        ``lowest`` where nothing is ruled out; the mean itself where all units are drawn.

    Raises
    ------
    ValueError
        More units than there are in all, or a value outside of the range.

    References
    ----------
    .. [1] Waudby-Smith & Ramdas (2024), Estimating means of bounded random variables by betting, JRSS-B 86(1), sec. 5.
    .. [2] Waudby-Smith & Ramdas (2020), Confidence sequences for sampling without replacement, NeurIPS.
    """
    values = check_values(values, n_total, lowest, highest)
    if not len(values):
        return lowest
    return float(find_bound(values, n_total, lowest, highest, -math.log(level), lowest, float(values.mean())))


def check_values(values: np.ndarray, n_total: int, lowest: float, highest: float) -> np.ndarray:
    """Check that values are some of the units, and in their range: float64, contiguous."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    if len(values) > n_total:
        raise ValueError(f"{len(values)} units are more than the {n_total} in all")
    if len(values) and not (values.min() >= lowest - 1e-9 and values.max() <= highest + 1e-9):
        raise ValueError(f"values outside of [{lowest}, {highest}]")
    return values


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def find_bound(
    values: np.ndarray, n_total: int, lowest: float, highest: float, needed: float, low: float, high: float
) -> float:
    """Find where between ``low`` and ``high`` means cease to be ruled out, by halving; ``needed`` as in `is_ruled_out`."""
    if len(values) == n_total:
        return float(values.mean())
    for _ in range(_N_HALVINGS):
        middle = (low + high) / 2
        if is_ruled_out(values, middle, n_total, lowest, highest, needed):
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def is_ruled_out(values: np.ndarray, target: float, n_total: int, lowest: float, highest: float, needed: float) -> bool:
    """Tell whether the mean of all units is higher than a target; ``needed``: log capital that shows it.

    The bets are those of aGRAPA ([1]_ of `find_lower_bound`, sec. 4.2): the best for the mean and variance so far, which
    begin as those of one unit in the middle of the range. None is negative. So the capital of one target is a
    supermartingale whichever mean up to the target is the true one.
    """
    whole, start, first_variance = n_total * target, (lowest + highest) / 2, (highest - lowest) ** 2 / 4
    capital, most, total, squares = 1.0, math.exp(needed), 0.0, 0.0
    for t in range(len(values)):
        rest = (whole - total) / (n_total - t)
        if rest < lowest:
            return True
        mean = (start + total) / (t + 1)
        variance = (first_variance + squares) / (t + 1)
        lead, value = mean - rest, values[t]
        if lead > 0.0:
            bet = lead / (variance + lead * lead)
            if bet * (rest - lowest) > BOLDNESS:
                bet = BOLDNESS / (rest - lowest)
            capital *= 1.0 + bet * (value - rest)
            if capital >= most:
                return True
        total += value
        off = value - mean
        squares += off * off
    return whole - total < lowest * (n_total - len(values)) - 1e-9
