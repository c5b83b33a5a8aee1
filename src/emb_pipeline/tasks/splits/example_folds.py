"""Which texts with a label or a number train and which test: the official split, or folds."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.options import FoldOptions
from emb_pipeline.tasks.splits.folds import draw_stratified_folds, find_duplicate_groups, join_groups
from emb_pipeline.text.texts import Texts

Fold = tuple[np.ndarray, np.ndarray]


class Examples(Protocol):
    """Texts that are learned from and tested on.

    Attributes
    ----------
    name : str
        Of the task.
    example_ids : ndarray of shape (n_examples,), str
        Names of the examples.
    texts : Texts of length n_examples
        The texts.
    codes : ndarray of shape (n_examples,), int
        The stratum of each text, which folds and parts of the labels keep in its share: its class, say.
    split : ndarray of shape (n_examples,), str, or None
        ``train``, ``validation`` or ``test`` where the task has an official split.
    groups, near_groups : ndarray of shape (n_examples,), str, or None
        Examples of one group stay in one fold; the second are clusters of near-duplicates.
    """

    @property
    def name(self) -> str: ...
    @property
    def example_ids(self) -> np.ndarray: ...
    @property
    def texts(self) -> Texts: ...
    @property
    def codes(self) -> np.ndarray: ...
    @property
    def split(self) -> np.ndarray | None: ...
    @property
    def groups(self) -> np.ndarray | None: ...
    @property
    def near_groups(self) -> np.ndarray | None: ...


def find_example_groups(task: Examples) -> np.ndarray:
    """Find the position of the first of all examples that are resampled together, for each example.

    Duplicates belong together (but for rows of a table without text), and so do the examples of one of the task's own
    groups. Where a text is in two groups, these are one.

    Returns
    -------
    ndarray of shape (n_examples,), int64
    """
    apart = task.texts.columns is not None and task.texts.columns.replace_text
    duplicates = np.arange(len(task.texts)) if apart else find_duplicate_groups(task.texts)
    return duplicates if task.groups is None else join_groups(duplicates, task.groups)


def find_fold_groups(task: Examples, options: FoldOptions) -> np.ndarray:
    """Find the position of the first of all examples that folds keep together, for each example.

    Those that are resampled together, and unless the options say otherwise near-duplicates, too.

    Returns
    -------
    ndarray of shape (n_examples,), int64
    """
    groups = find_example_groups(task)
    if task.near_groups is None or options.near_duplicates == "apart":
        return groups
    return join_groups(groups, task.near_groups)


def draw_folds(task: Examples, groups: np.ndarray, *, n_folds: int, seed: int) -> list[Fold]:
    """Train and test positions: one pair for an official split, else one per fold.

    Rows of a ``validation`` split train: the penalty is tuned by inner folds, alike for every task.

    Parameters
    ----------
    task : Examples
        The examples.
    groups : ndarray of shape (n_examples,)
        Examples with the same number stay in one fold.
    n_folds, seed : int
        For tasks without a split.

    Raises
    ------
    DataError
        An unknown split name, no training or no test part, or fewer distinct texts than folds.
    """
    if task.split is None:
        if len(np.unique(groups)) < n_folds:
            raise DataError(task.name, f"has fewer distinct texts than the {n_folds} folds", "lower folds or add examples")
        numbers = draw_stratified_folds(task.codes, groups, n_folds=n_folds, seed=seed)
        return [(np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)) for fold in range(n_folds)]
    unknown = sorted(set(task.split.tolist()) - {"train", "validation", "test"})
    if unknown:
        raise DataError(f"{task.name}, split", f"{unknown[0]!r} is unknown", "use train, validation or test")
    test = task.split == "test"
    if test.all() or not test.any():
        raise DataError(
            f"{task.name}, split",
            f"the {'training' if test.all() else 'test'} part is empty",
            "fill it, or leave split out to have folds drawn",
        )
    return [(np.flatnonzero(~test), np.flatnonzero(test))]


def find_tested(folds: list[Fold]) -> np.ndarray:
    """Find the positions of all examples that are tested on, ascending."""
    return np.sort(np.concatenate([test for _, test in folds]))


def count_nominal_labels(folds: list[Fold]) -> int:
    """Count the labels of a training part: the same number for every embedding, however the folds were drawn."""
    if len(folds) == 1:
        return len(folds[0][0])
    return sum(len(test) for _, test in folds) * (len(folds) - 1) // len(folds)
