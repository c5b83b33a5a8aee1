"""Parts of a training set as if fewer labels had been bought: nested, stratified, drawn several times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STEPS = (1, 3)
"""Counts per power of ten: 30, 100, 300, 1,000, …"""


def label_counts(n_labels: int, n_classes: int, wanted: Sequence[int] | None = None) -> list[int]:
    """Numbers of labels to learn from, below all of them.

    Parameters
    ----------
    n_labels : int
        Labels of the training part.
    n_classes : int
        Classes of the task.
    wanted : sequence of int, optional
        Counts to keep to. By default 1, 3, 10, 30, … from two labels a class (thirty at least) to half of all labels.

    Returns
    -------
    list of int
        Ascending; empty where a training part is too small to be divided.
    """
    if wanted is not None:
        return sorted({count for count in wanted if count < n_labels})
    series = (step * 10**power for power in range(1, 8) for step in STEPS)
    return [count for count in series if max(30, 2 * n_classes) <= count <= n_labels / 2]


def nested_order(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An order of a training part, each prefix of which is a stratified draw that holds the shorter ones.

    The examples of a class are shuffled and spread evenly over the order, so a prefix has each class in its share, to
    within one example.

    Parameters
    ----------
    codes : ndarray of shape (n_train,), int
        Class codes.
    rng : Generator
        Source of the order.

    Returns
    -------
    ndarray of shape (n_train,), int64
        Positions.
    """
    codes = np.asarray(codes)
    shuffled = rng.permutation(len(codes))
    by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
    sizes = np.bincount(codes)[np.unique(codes)]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    within = np.arange(len(codes)) - np.repeat(starts, sizes)
    offsets = np.repeat(rng.random(len(sizes)), sizes)  # where in a class's step its examples stand
    place = (within + offsets) / np.repeat(sizes, sizes)
    return np.asarray(by_class[np.argsort(place, kind="stable")], dtype=np.int64)
