"""Compact letter display: systems that share a letter are not significantly different."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice, product
from string import ascii_lowercase

import numpy as np

LETTER_OF_BEST = "a"
"""The letter of the best system. Where no other is given, all that have it are not significantly different from the best."""


def find_letter_groups(values: np.ndarray, different: np.ndarray) -> list[frozenset[int]]:
    """Systems of each letter; the first letter holds the best system.

    Two systems share a group if and only if they do not differ: the groups are the largest sets without a
    difference (insert and absorb [1]_).

    Parameters
    ----------
    values : ndarray of shape (n_systems,)
        What the systems are ordered by; larger is better.
    different : ndarray of shape (n_systems, n_systems), bool
        Symmetric: whether two systems differ significantly.

    Returns
    -------
    list of frozenset of int
        Positions of systems, ordered by the best system that each group holds, then by its next ones.

    References
    ----------
    .. [1] Piepho (2004), An algorithm for a letter-based representation of all-pairwise comparisons, JCGS 13(2).
    """
    n_systems = len(values)
    if different.shape != (n_systems, n_systems) or not np.array_equal(different, different.T) or different.diagonal().any():
        raise ValueError("different must be symmetric, with a row and a column per system and no system unlike itself")
    groups = {frozenset(range(n_systems))} if n_systems else set()
    for i, j in zip(*np.nonzero(np.triu(different)), strict=True):
        both = {group for group in groups if i in group and j in group}
        if both:
            parts = {group - {out} for group in both for out in (int(i), int(j))}
            rest = groups - both
            groups = rest | {part for part in parts if not any(part < other for other in rest | parts)}
    rank = np.empty(n_systems, dtype=np.int64)
    rank[np.argsort(-np.asarray(values), kind="stable")] = np.arange(n_systems)
    return sorted(groups, key=lambda group: sorted(rank[list(group)].tolist()))


def assign_compact_letters(values: np.ndarray, different: np.ndarray) -> list[str]:
    """Letters of each system, such as ``"a"``, ``"ab"``, ``"c"``; see `find_letter_groups`.

    After ``z`` come ``(aa)``, ``(ab)``, …, in brackets so that they cannot be read as two letters.
    """
    groups = find_letter_groups(values, different)
    names = list(islice(_name_letters(), len(groups)))
    return [
        "".join(name for name, group in zip(names, groups, strict=True) if system in group) for system in range(len(values))
    ]


def assign_letters(
    names: Sequence[str], values: np.ndarray, pairs: Sequence[tuple[str, str]], p_adjusted: np.ndarray, level: float = 0.05
) -> list[str]:
    """Letters of named systems, where pairs with an adjusted p of at most ``level`` differ."""
    position = {name: place for place, name in enumerate(names)}
    different = np.zeros((len(names), len(names)), dtype=bool)
    for (a, b), p in zip(pairs, p_adjusted, strict=True):
        different[position[a], position[b]] = different[position[b], position[a]] = p <= level
    return assign_compact_letters(np.asarray(values), different)


def _name_letters() -> Iterator[str]:
    words = ("".join(word) for length in count(1) for word in product(ascii_lowercase, repeat=length))
    return (word if len(word) == 1 else f"({word})" for word in words)
