"""Random numbers and draws inside compiled loops."""

from __future__ import annotations

import numba as nb
import numpy as np

_compiled = nb.njit(cache=True, nogil=True, inline="always")
_MULTIPLIER, _INCREMENT = np.uint64(6364136223846793005), np.uint64(1442695040888963407)
_TO_UNIT = np.float32(2.0**-24)


@_compiled  # type: ignore[untyped-decorator]
def following(state):  # type: ignore[no-untyped-def]
    """The next state of a linear congruential generator (Knuth's MMIX); its high bits are the random ones."""
    return state * _MULTIPLIER + _INCREMENT


@_compiled  # type: ignore[untyped-decorator]
def unit(state):  # type: ignore[no-untyped-def]
    """A number from 0 up to 1, of the state's top 24 bits."""
    return np.float32(state >> np.uint64(40)) * _TO_UNIT


@_compiled  # type: ignore[untyped-decorator]
def below(state, n):  # type: ignore[no-untyped-def]
    """A whole number from 0 up to n, of the state's top 32 bits."""
    return np.int64(((state >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


def seeded(*parts: int) -> np.uint64:
    """A state for these numbers: seed, epoch, part of the corpus (numpy's SeedSequence mixes them)."""
    return np.uint64(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


def alias_table(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A table from which an index is drawn with probability proportional to its weight, in constant time and memory.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Not negative, not all zero.

    Returns
    -------
    threshold : ndarray of shape (n,), float32
        Draw a place and a number below 1: below its threshold the place itself is drawn, …
    other : ndarray of shape (n,), int32
        … else this index.

    References
    ----------
    .. [1] Walker (1977), An efficient method for generating discrete random variables, ACM TOMS 3(3); Vose (1991).
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 1 or not len(weights) or (weights < 0).any() or not weights.sum() > 0:
        raise ValueError("weights must be a row of numbers that are not negative, one of them above zero")
    table: tuple[np.ndarray, np.ndarray] = _alias_table(weights * len(weights) / weights.sum())
    return table


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _alias_table(scaled):  # type: ignore[no-untyped-def]
    n = len(scaled)
    threshold, other = np.ones(n, np.float32), np.arange(n).astype(np.int32)
    small, large = np.empty(n, np.int32), np.empty(n, np.int32)
    n_small = n_large = 0
    for i in range(n):
        if scaled[i] < 1:
            small[n_small] = i
            n_small += 1
        else:
            large[n_large] = i
            n_large += 1
    while n_small and n_large:
        n_small -= 1
        low, high = small[n_small], large[n_large - 1]
        threshold[low], other[low] = scaled[low], high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            n_large -= 1
            small[n_small] = high
            n_small += 1
    return threshold, other
