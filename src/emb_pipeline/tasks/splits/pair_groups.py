"""Pairs of texts that depend on each other: equal ones, those of one group, and those that share a text."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from emb_pipeline.tasks.splits.folds import join_groups
from emb_pipeline.text.texts import Texts

LARGEST_COMPONENT = 0.1
"""Share of the pairs that may be tied together by shared texts, so that folds stay of a size."""


class Pairs(Protocol):
    """Pairs of texts.

    Attributes
    ----------
    pair_ids : ndarray of shape (n_pairs,), str
        Names of the pairs.
    texts : Texts of length n_texts
        The distinct texts.
    first, second : ndarray of shape (n_pairs,), int
        Which of the texts are the pair's.
    groups : ndarray of shape (n_pairs,), str, optional
        Pairs of one group are resampled together.
    """

    @property
    def pair_ids(self) -> np.ndarray: ...
    @property
    def texts(self) -> Texts: ...
    @property
    def first(self) -> np.ndarray: ...
    @property
    def second(self) -> np.ndarray: ...
    @property
    def groups(self) -> np.ndarray | None: ...


def name_pair_groups(task: Pairs) -> np.ndarray:
    """Name the group of each pair: the first pair of its group, or the names of its two texts, where those are shared."""
    low, high = np.minimum(task.first, task.second), np.maximum(task.first, task.second)
    pairs, first, group = np.unique(low * len(task.texts) + high, return_index=True, return_inverse=True)
    if task.groups is not None:
        return np.asarray(task.pair_ids[join_groups(first[group], task.groups)])
    sides = np.stack([pairs // len(task.texts), pairs % len(task.texts)])
    used = np.bincount(np.concatenate([sides[0], sides[1][sides[0] != sides[1]]]))
    if used.max(initial=0) < 2:
        return np.asarray(task.pair_ids[first[group]])
    return np.array([f"text {a}\ttext {b}" for a, b in zip(low.tolist(), high.tolist(), strict=True)])


def find_fold_groups_of_pairs(task: Pairs) -> np.ndarray:
    """Find the position of the first of all pairs that folds keep together, for each pair.

    Pairs that share a text, directly or by others, stay together where none of these sets holds more than a tenth of all
    pairs; else equal pairs do. Pairs of one group always do.

    Returns
    -------
    ndarray of shape (n_pairs,), int64
    """
    n_texts, n_pairs = len(task.texts), len(task.pair_ids)
    links = sp.coo_array((np.ones(n_pairs, dtype=bool), (task.first, task.second)), shape=(n_texts, n_texts))
    tied = connected_components(links, directed=False)[1][task.first]
    if np.bincount(tied).max() > max(LARGEST_COMPONENT * n_pairs, 1):
        tied = np.minimum(task.first, task.second) * n_texts + np.maximum(task.first, task.second)
    _, first, group = np.unique(tied, return_index=True, return_inverse=True)
    return np.asarray(first[group] if task.groups is None else join_groups(first[group], task.groups), dtype=np.int64)
