"""Training texts with a class each, whose neighbors are looked at before anything is learned from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emb_pipeline.tasks.options import FoldOptions
from emb_pipeline.tasks.splits.example_folds import Examples, find_fold_groups
from emb_pipeline.text.texts import Texts

MOST_TEXTS = 2_000
"""Texts that are chosen at most."""


@dataclass(frozen=True, eq=False)
class TrainingTexts:
    """Texts, their classes, and what an embedding is fitted on.

    Attributes
    ----------
    texts : Texts of length n
        Those that are looked at.
    classes, groups : ndarray of shape (n,)
        Number of the class, and of the group of copies and near-duplicates, of each.
    fitted_on : Texts
        All training texts: an embedding that is fitted on a task is fitted on these.
    tested : ndarray of shape (n_tested,), int64
        Positions of examples that are tested on, too; none with an official split.
    """

    texts: Texts
    classes: np.ndarray
    groups: np.ndarray
    fitted_on: Texts
    tested: np.ndarray


def choose_training_texts(task: Examples, options: FoldOptions, most: int = MOST_TEXTS) -> TrainingTexts:
    """Choose training texts by chance, with their whole groups.

    With folds every text is tested on. Then at most half of the groups are chosen: their labels are used, and the others
    are left to be scored.
    """
    groups = find_fold_groups(task, options)
    learnt = np.arange(len(groups)) if task.split is None else np.flatnonzero(task.split != "test")
    of_learnt = np.unique(groups[learnt])
    drawn = np.random.default_rng(0).permutation(of_learnt)
    if task.split is None:
        drawn = drawn[: max(len(drawn) // 2, 1)]
    sizes = np.bincount(groups[learnt], minlength=int(groups.max()) + 1)[drawn]
    drawn = drawn[: max(int(np.searchsorted(np.cumsum(sizes), most, side="right")), 1)]
    chosen = learnt[np.isin(groups[learnt], drawn)]
    fitted_on = chosen if task.split is None else learnt
    tested = chosen if task.split is None else chosen[:0]
    return TrainingTexts(task.texts.take(chosen), task.codes[chosen], groups[chosen], task.texts.take(fitted_on), tested)
