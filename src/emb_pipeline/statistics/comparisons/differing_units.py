"""The units to show: few in all, and yet for each pair of embeddings some that the two differ on, in both directions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations

import numpy as np

ALWAYS = 3
"""Units that differ most of a pair, in each direction, that are not replaced by others that happen to be chosen already."""
_ROUND = 2


def choose_differing_units(
    scores: np.ndarray, units: Sequence[str], lengths: np.ndarray, per_pair: int, most: int
) -> list[int]:
    """Choose units on which pairs of embeddings differ, the most different first.

    Rounds let each pair name one more unit in each direction, until each has ``per_pair`` or the texts are long enough.
    Among units that differ equally the hash of the name decides, the same for all pairs: so pairs share units.

    Parameters
    ----------
    scores : ndarray of shape (n_units, n_embeddings)
        Score of each unit.
    units : sequence of str
        Their names.
    lengths : ndarray of shape (n_units,)
        What each takes of ``most``.
    per_pair : int
        Units that a pair needs, both directions together.
    most : int
        Length that all chosen units together do not exceed.

    Returns
    -------
    list of int
        Rows of ``scores``, in their order.
    """
    rank = np.argsort(np.argsort([hashlib.blake2b(name.encode(), digest_size=8).digest() for name in units], kind="stable"))
    half = (per_pair + 1) // 2
    wanted: list[tuple[np.ndarray, np.ndarray]] = []  # of a pair and direction: units that differ most, and all that differ
    for a, b in combinations(range(scores.shape[1]), 2):
        lead = np.round(scores[:, a] - scores[:, b], _ROUND)
        for direction in (lead, -lead):
            differing = np.flatnonzero(direction > 0)
            first = differing[np.lexsort((rank[differing], -direction[differing]))][:half]
            wanted.append((first, differing))
    chosen, left = np.zeros(len(units), dtype=bool), most
    for size in range(1, half + 1):
        for first, differing in wanted:
            if len(first) < size or chosen[first[size - 1]] or (size > ALWAYS and chosen[differing].sum() >= size):
                continue
            unit = first[size - 1]
            if lengths[unit] <= left:
                chosen[unit] = True
                left -= int(lengths[unit])
    return np.flatnonzero(chosen).tolist()
