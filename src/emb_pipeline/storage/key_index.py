"""An index of keys that grows by a little at a time."""

from __future__ import annotations

import numpy as np

KEY = np.dtype("S16")
_Run = tuple[np.ndarray, np.ndarray]
_MANY = 8
"""A search for one in so many of all keys takes longer than to merge their runs."""


class KeyIndex:
    """The place of each key; of a key that was added several times, the last one.

    Keys are in sorted runs. A new run takes in those before it that are no longer than it: n keys, added some at a time, are
    copied log n times and not once for each addition. A search looks into log n runs; one for many keys merges them first.
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []

    def add(self, keys: np.ndarray, places: np.ndarray) -> None:
        """Add keys of shape (n,) with their places of shape (n,), int64; of equal ones here, the first counts."""
        if not len(keys):
            return
        order = np.argsort(keys, kind="stable")
        newest: _Run = keys[order], places[order]
        while self._runs and len(self._runs[-1][0]) <= len(newest[0]):
            newest = _merge(self._runs.pop(), newest)
        self._runs.append(newest)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Find the place of each key: shape (n_keys,), int64; -1 where there is none."""
        if _MANY * len(keys) > sum(len(of_run) for of_run, _ in self._runs):
            self._merge_all()
        found = np.full(len(keys), -1, dtype=np.int64)
        missing = np.arange(len(keys))
        for of_run, places in reversed(self._runs):
            wanted = keys[missing]
            at = np.minimum(np.searchsorted(of_run, wanted), len(of_run) - 1)
            inside = of_run[at] == wanted
            found[missing[inside]] = places[at[inside]]
            missing = missing[~inside]
            if not len(missing):
                break
        return found

    def _merge_all(self) -> None:
        while len(self._runs) > 1:
            newer = self._runs.pop()
            self._runs.append(_merge(self._runs.pop(), newer))


def _merge(older: _Run, newer: _Run) -> _Run:
    at = np.searchsorted(older[0], newer[0])  # before equal ones
    return np.insert(older[0], at, newer[0]), np.insert(older[1], at, newer[1])
