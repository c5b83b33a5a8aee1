"""The log-odds of the most probable class, for texts of the task and for texts of none of its classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from emb_pipeline.statistics.cutoffs.cutoff import LOG_ODDS, BestScores
from emb_pipeline.tasks.classification.export import TextClassifier
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.cutoffs.draws import draw_texts, draw_units, name_units
from emb_pipeline.tasks.cutoffs.left_out import LeftOutClasses, find_rows
from emb_pipeline.tasks.splits.example_folds import draw_folds, find_example_groups, find_fold_groups
from emb_pipeline.text.texts import Texts


def find_best_scores(
    task: ClassificationTask,
    fit: Callable[..., TextClassifier],
    options: ClassificationOptions,
    unanswerable: Texts | LeftOutClasses | None,
    *,
    at_most: int,
    seed: int,
) -> BestScores | None:
    """Find the log-odds of the most probable class of each text that the classifier did not learn from.

    Parameters
    ----------
    task : ClassificationTask
        As `hold_out` gave it: its test part is not learned from.
    fit : callable
        Gives what is served, of a task and options.
    options : ClassificationOptions
        Of the task.
    unanswerable : Texts or LeftOutClasses, optional
        Texts that are of none of the classes; or classes of the task, each of which is left out of training in turn, so that
        its test texts are of none. Without any nothing is found.
    at_most, seed : int
        Texts of each sort, drawn by chance where there are more.

    Returns
    -------
    BestScores or None
        Right where the class is. Where classes are named that stand for what cannot be answered, the answerable texts are of
        the others. Where all are left out in turn, a text is of both sorts, and half of the groups choose the cut-off.
    """
    if unanswerable is None or task.split is None:
        return None
    tested, model = np.flatnonzero(task.split == "test"), fit(task, options=options)
    groups = name_units(find_example_groups(task))
    if isinstance(unanswerable, LeftOutClasses):
        names = unanswerable.choose(task.classes, seed)
        rows = find_rows(task.labels, names, tested)
        rows = rows[draw_units(len(rows), at_most, seed)]
        refused, refused_groups = _score_left_out(task, fit, options, names, rows), groups[rows]
        tested = np.setdiff1d(tested, find_rows(task.labels, unanswerable.names, tested))
    else:
        others = draw_texts(unanswerable, list(task.texts), at_most, seed)
        refused = model.answer_scored(others)[1]
        refused_groups = np.array([f"unanswerable {number}" for number in range(len(others))])
    rows = tested[draw_units(len(tested), at_most, seed)]
    answers, best = model.answer_scored(task.texts.take(rows))
    is_right = (answers["label"] == task.labels[rows]).to_numpy()
    return BestScores(best, is_right, groups[rows], refused, refused_groups, LOG_ODDS)


def _score_left_out(
    task: ClassificationTask,
    fit: Callable[..., TextClassifier],
    options: ClassificationOptions,
    names: Sequence[str],
    rows: np.ndarray,
) -> np.ndarray:
    """Score each of these texts by a classifier that has not learned its class: shape (n_rows,)."""
    scores = np.full(len(rows), -np.inf)
    for name in names:
        of_class = task.labels[rows] == name
        if of_class.any():
            kept, weights = np.flatnonzero(task.labels != name), options.class_weights
            if isinstance(weights, dict):
                weights = {each: weight for each, weight in weights.items() if each != name}
            model = fit(task.take(kept), options=options.model_copy(update={"class_weights": weights}))
            scores[of_class] = model.answer_scored(task.texts.take(rows[of_class]))[1]
    return scores


def hold_out(task: ClassificationTask, options: ClassificationOptions, *, seed: int) -> ClassificationTask:
    """Give the task with a test part: the official one, or the first fold."""
    if task.split is not None:
        return task
    _, tested = draw_folds(task, find_fold_groups(task, options), n_folds=options.folds, seed=seed)[0]
    split = np.full(len(task.codes), "train", dtype="U10")
    split[tested] = "test"
    return replace(task, split=split)
