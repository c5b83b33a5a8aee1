"""Which examples of a classification train and which test: the official split, or folds."""

from __future__ import annotations

import numpy as np

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.splits.folds import draw_stratified_folds, find_duplicate_groups, join_groups

Fold = tuple[np.ndarray, np.ndarray]


def find_example_groups(task: ClassificationTask) -> np.ndarray:
    """Find the position of the first of all examples that are resampled together, for each example.

    Duplicates belong together, and so do the examples of one of the task's own groups. Where a text is in two groups,
    these are one.

    Returns
    -------
    ndarray of shape (n_examples,), int64
    """
    duplicates = find_duplicate_groups(task.texts)
    return duplicates if task.groups is None else join_groups(duplicates, task.groups)


def find_fold_groups(task: ClassificationTask, options: ClassificationOptions) -> np.ndarray:
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


def draw_folds(task: ClassificationTask, groups: np.ndarray, *, n_folds: int, seed: int) -> list[Fold]:
    """Train and test positions: one pair for an official split, else one per fold.

    Rows of a ``validation`` split train: the penalty is tuned by inner folds, alike for every task.

    Parameters
    ----------
    task : ClassificationTask
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
