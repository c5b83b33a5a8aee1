"""Which examples train and which test: the official split, or stratified folds that keep together what belongs together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.text.near_duplicates import equal_texts
from emb_pipeline.text.texts import Texts

Fold = tuple[np.ndarray, np.ndarray]


def duplicate_groups(texts: Sequence[str]) -> np.ndarray:
    """Position of the first text with the same tokens, for each text.

    Parameters
    ----------
    texts : sequence of str
        `Texts` share the tokens that they made before.

    Returns
    -------
    ndarray of shape (n_texts,), int64
    """
    return equal_texts((texts if isinstance(texts, Texts) else Texts(texts)).token_ids)


def example_groups(task: ClassificationTask) -> np.ndarray:
    """Position of the first of all examples that are resampled together, for each example.

    Duplicates belong together, and so do the examples of one of the task's own groups. Where a text stands in two groups,
    these are one.

    Returns
    -------
    ndarray of shape (n_examples,), int64
    """
    duplicates = duplicate_groups(task.texts)
    return duplicates if task.groups is None else joined_groups(duplicates, task.groups)


def fold_groups(task: ClassificationTask, options: ClassificationOptions) -> np.ndarray:
    """Position of the first of all examples that folds keep together, for each example.

    Those that are resampled together, and unless the options say otherwise near-duplicates, too.

    Returns
    -------
    ndarray of shape (n_examples,), int64
    """
    groups = example_groups(task)
    if task.near_groups is None or options.near_duplicates == "apart":
        return groups
    return joined_groups(groups, task.near_groups)


def joined_groups(groups: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Position of the first of all that two groupings tie together; ``groups`` are positions already."""
    n = len(groups)
    _, first, group_of = np.unique(others, return_index=True, return_inverse=True)
    everyone = np.arange(n)
    links = (np.ones(2 * n, dtype=bool), (np.tile(everyone, 2), np.concatenate([groups, first[group_of]])))
    _, component = connected_components(sp.coo_array(links, shape=(n, n)), directed=False)
    _, first = np.unique(component, return_index=True)
    return np.asarray(first[component], dtype=np.int64)


def folds_of(task: ClassificationTask, groups: np.ndarray, *, n_folds: int, seed: int) -> list[Fold]:
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
        numbers = stratified_folds(task.codes, groups, n_folds=n_folds, seed=seed)
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


def stratified_folds(codes: np.ndarray, groups: np.ndarray, *, n_folds: int, seed: int) -> np.ndarray:
    """A fold number for each example: classes spread evenly, no group divided.

    Groups are shuffled, sorted by the class of their first example, and dealt out one by one, so that each class, and
    the whole, differ by at most one group between folds. (scikit-learn's StratifiedGroupKFold does the same greedily,
    in time groups × classes × folds.)

    Returns
    -------
    ndarray of shape (n_examples,), int
    """
    _, first, group_of = np.unique(groups, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(len(first))
    dealt = shuffled[np.argsort(codes[first][shuffled], kind="stable")]
    fold_of_group = np.empty(len(first), dtype=np.int64)
    fold_of_group[dealt] = np.arange(len(first)) % n_folds
    return fold_of_group[group_of]
