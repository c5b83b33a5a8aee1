"""The largest class probability, for texts of the task and for texts of none of its classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from emb_pipeline.statistics.cutoffs.cutoff import BestScores
from emb_pipeline.tasks.classification.export import TextClassifier
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.cutoffs.draws import draw_texts, draw_units, name_units
from emb_pipeline.tasks.splits.example_folds import draw_folds, find_example_groups, find_fold_groups
from emb_pipeline.text.texts import Texts


def find_best_scores(
    task: ClassificationTask,
    model: TextClassifier,
    options: ClassificationOptions,
    unanswerable: Texts | None,
    *,
    at_most: int,
    seed: int,
) -> BestScores | None:
    """Find the largest class probability of each text that the classifier did not learn from.

    Parameters
    ----------
    task : ClassificationTask
        As `hold_out` gave it: its test part is not learned from.
    model : TextClassifier
        Fitted on the rest of it.
    options : ClassificationOptions
        Unused.
    unanswerable : Texts, optional
        Texts that are of none of the classes; without any nothing is found.
    at_most, seed : int
        Texts of each sort, drawn by chance where there are more.

    Returns
    -------
    BestScores or None
        Right where the class is.
    """
    if unanswerable is None or task.split is None:
        return None
    tested = np.flatnonzero(task.split == "test")
    rows = tested[draw_units(len(tested), at_most, seed)]
    others = draw_texts(unanswerable, list(task.texts), at_most, seed)
    answers, refused = model.answer(task.texts.take(rows)), model.answer(others)
    return BestScores(
        model.find_best(answers),
        (answers["label"] == task.labels[rows]).to_numpy(),
        name_units(find_example_groups(task)[rows]),
        model.find_best(refused),
        np.array([f"unanswerable {number}" for number in range(len(others))]),
        "probability",
    )


def hold_out(task: ClassificationTask, options: ClassificationOptions, *, seed: int) -> ClassificationTask:
    """Give the task with a test part: the official one, or the first fold."""
    if task.split is not None:
        return task
    _, tested = draw_folds(task, find_fold_groups(task, options), n_folds=options.folds, seed=seed)[0]
    split = np.full(len(task.codes), "train", dtype="U10")
    split[tested] = "test"
    return replace(task, split=split)
