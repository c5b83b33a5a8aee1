"""Choice of the pairs of embeddings that are listed: all of a few, and of many those that a reader looks for."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations

import numpy as np

MOST_IN_ALL_PAIRS = 60
"""Embeddings of a task up to which each is listed with each other one: 1,770 pairs."""


def list_pairs(
    values: np.ndarray, origins: Sequence[Hashable], further: Iterable[tuple[int, int]] = ()
) -> list[tuple[int, int]]:
    """List the pairs of embeddings that have a row of their own.

    Of up to `MOST_IN_ALL_PAIRS` embeddings these are all pairs. Of more, each embedding is listed with the best one of each
    origin, which the best of all is among: so their number grows as that of the embeddings does.

    Parameters
    ----------
    values : ndarray of shape (n_embeddings,)
        What the best is found by; larger is better.
    origins : sequence
        Of each embedding.
    further : iterable of (int, int)
        Pairs that are listed in any case.

    Returns
    -------
    list of (int, int)
        In the order of `itertools.combinations`.
    """
    n = len(values)
    if n <= MOST_IN_ALL_PAIRS:
        return list(combinations(range(n), 2))
    best: dict[Hashable, int] = {}
    for place in np.argsort(-np.asarray(values), kind="stable").tolist():
        best.setdefault(origins[place], place)
    found = {(min(place, each), max(place, each)) for each in best.values() for place in range(n) if place != each}
    return sorted(found | {(min(pair), max(pair)) for pair in further})


def find_highest(values: np.ndarray) -> list[int]:
    """Find the places of the highest values, at most `MOST_IN_ALL_PAIRS`, in their own order."""
    return sorted(np.argsort(-np.asarray(values), kind="stable")[:MOST_IN_ALL_PAIRS].tolist())
