"""Bounds of the mean of a finite set of units, while they are drawn without replacement: by betting."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

BOLDNESS = 0.75
"""Largest share of the capital that one unit can lose."""
_N_TARGETS = 33
_N_ZOOMS = 3


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
    values = np.asarray(values, dtype=np.float64)
    if len(values) > n_total:
        raise ValueError(f"{len(values)} units are more than the {n_total} in all")
    if len(values) and (np.isnan(values).any() or values.min() < lowest - 1e-9 or values.max() > highest + 1e-9):
        raise ValueError(f"values outside of [{lowest}, {highest}]")
    if not len(values):
        return lowest
    low, high = lowest, float(values.mean()) if len(values) < n_total else highest
    if len(values) == n_total:
        return float(values.mean())
    needed = -math.log(level)
    for _ in range(_N_ZOOMS):
        targets = np.linspace(low, high, _N_TARGETS)
        is_out = find_ruled_out(values, targets, n_total, lowest, highest, needed)
        n_out = len(targets) if is_out.all() else int(np.argmin(is_out))  # all that are lower have to be ruled out, too
        if n_out == 0:
            return low
        low, high = float(targets[n_out - 1]), float(targets[min(n_out, len(targets) - 1)])
    return low


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def find_ruled_out(
    values: np.ndarray, targets: np.ndarray, n_total: int, lowest: float, highest: float, needed: float
) -> np.ndarray:
    """Find which means are too low: one flag for each of the targets; ``needed``: log capital that rules one out.

    The bets are those of aGRAPA ([1]_ of `find_lower_bound`, sec. 4.2): the best for the mean and variance so far, which
    begin as those of one unit in the middle of the range.
    """
    is_out = np.zeros(len(targets), dtype=np.bool_)
    width = highest - lowest
    for number in range(len(targets)):
        whole = n_total * targets[number]
        capital, total, squares = 0.0, 0.0, 0.0
        start = (lowest + highest) / 2
        for t in range(len(values)):
            rest = (whole - total) / (n_total - t)
            if rest < lowest:
                is_out[number] = True
                break
            mean = (start + total) / (t + 1)
            variance = (width * width / 4 + squares) / (t + 1)
            lead = mean - rest
            value = values[t]
            if lead > 0.0:
                bet = lead / (variance + lead * lead)
                most = BOLDNESS / (rest - lowest) if rest > lowest else np.inf
                capital += np.log1p(min(bet, most) * (value - rest))
                if capital >= needed:
                    is_out[number] = True
                    break
            total += value
            off = value - mean
            squares += off * off
        if not is_out[number] and len(values) <= n_total and whole - total < lowest * (n_total - len(values)) - 1e-9:
            is_out[number] = True
    return is_out
