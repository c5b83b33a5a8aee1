"""Evaluating an embedding by a probe: for each fold it learns from the training part, and answers to the test part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.protocols import VectorEmbedding, Vectors
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.options import FoldOptions
from emb_pipeline.tasks.probes.probe import Probe, ProbeTraining, Response
from emb_pipeline.tasks.probes.regression import Features
from emb_pipeline.tasks.splits.example_folds import (
    Examples,
    Fold,
    draw_folds,
    find_example_groups,
    find_fold_groups,
    find_tested,
)
from emb_pipeline.tasks.splits.fold_vectors import FoldVectors
from emb_pipeline.tasks.splits.other_labels import AnswerScoring, FewerLabels, LearnedAgain


@dataclass(frozen=True, eq=False)
class FoldPlan:
    """The division of a task into training and test examples.

    Attributes
    ----------
    groups, kept : ndarray of shape (n_examples,)
        Position of the first of the examples that are resampled, and that folds keep, together.
    folds : list of Fold
        Training and test positions.
    tested : ndarray of shape (n_tested,)
        Positions of all test examples, ascending.
    """

    groups: np.ndarray
    kept: np.ndarray
    folds: list[Fold]
    tested: np.ndarray

    @classmethod
    def draw(cls, task: Examples, options: FoldOptions, *, seed: int) -> FoldPlan:
        """Take the official split, or draw folds.

        Raises
        ------
        DataError
            No usable split or folds.
        """
        groups, kept = find_example_groups(task), find_fold_groups(task, options)
        folds = draw_folds(task, kept, n_folds=options.folds, seed=seed)
        return cls(groups, kept, folds, find_tested(folds))


VisitFold = Callable[[Probe[Any], np.ndarray, Vectors, FoldVectors], None]
"""Looks at a fold's probe, once it is fitted: takes it, the positions and the vectors of the test texts, and what encodes
further texts."""


@dataclass(frozen=True, eq=False)
class Supervision:
    """The right answers that the probes of a kind of task learn, and how theirs are scored.

    Attributes
    ----------
    labels : ndarray of shape (n_examples, ...)
        What an embedding that learns from labels is fitted to.
    respond : callable
        Gives the right answers of some rows of the task, as a probe learns them.
    scoring : AnswerScoring
        The primary metric, which learning curves and resamples of the labels are of.
    per_class : sequence of int, optional
        Labels of each class, for parts that have as many of each.
    details : mapping of str to object
        What else is worth keeping of the task.
    visit : callable, optional
        See `VisitFold`.
    """

    labels: np.ndarray
    respond: Callable[[np.ndarray], Response[Any]]
    scoring: AnswerScoring
    per_class: Sequence[int] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    visit: VisitFold | None = None


@dataclass(frozen=True, eq=False)
class ProbedFolds:
    """Answers of the probes of all folds.

    Attributes
    ----------
    answers : ndarray of shape (n_tested, ...)
        To the test texts, in the order of the task.
    fields : dict of str to object
        The fields of an `Evaluation` but for its scores and predictions.
    curve : list of Table
        Item scores of the primary metric from parts of the labels.
    """

    answers: np.ndarray
    fields: dict[str, Any]
    curve: list[pa.Table]

    def add_curve(self, evaluation: Evaluation, *further: pa.Table) -> Evaluation:
        """Add the item scores from parts of the labels, and further ones, to those from all labels."""
        return replace(evaluation, item_scores=pa.concat_tables([evaluation.item_scores, *self.curve, *further]))


def probe_folds(
    task: Examples,
    encoder: VectorEmbedding,
    options: FoldOptions,
    plan: FoldPlan,
    supervision: Supervision,
    *,
    seed: int,
    shuffle_labels: bool = False,
) -> ProbedFolds:
    """Tune and fit a probe for each fold, on all of its labels, on parts and on resamples of them, and let it answer.

    Each text is encoded once by a frozen encoder. One that is fitted on the task is fitted again for each fold, on its
    training texts alone.

    Parameters
    ----------
    task : Examples
        Texts with their labels.
    encoder : VectorEmbedding
        The embedding.
    options : FoldOptions
        The probe's penalty, learning curves, and whether test texts are misspelt.
    plan : FoldPlan
        Training and test positions.
    supervision : Supervision
        What is learned.
    seed : int
        Seed of inner folds and label shuffling.
    shuffle_labels : bool
        Train on the labels of other texts: a control, without learning curve and resamples.

    Raises
    ------
    DataError
        A training part that nothing can be learned from.
    """
    with threadpool_limits(1):
        return _probe_folds(task, encoder, options, plan, supervision, seed=seed, shuffle_labels=shuffle_labels)


def _probe_folds(
    task: Examples,
    encoder: VectorEmbedding,
    options: FoldOptions,
    plan: FoldPlan,
    supervision: Supervision,
    *,
    seed: int,
    shuffle_labels: bool,
) -> ProbedFolds:
    vectors = FoldVectors(task, encoder, typos=options.typos)

    def answer_from_part(of_part: Vectors, part: np.ndarray, of_test: Vectors, test: np.ndarray) -> np.ndarray:
        response = supervision.respond(part)
        if (answer := response.only_answer) is not None:
            return np.tile(answer, (len(test), 1))
        return ProbeTraining(of_part, response, plan.kept[part], options, seed=seed).probe().answer(of_test)

    n_draws, n_again = (0, 0) if shuffle_labels else (options.label_draws, options.training_draws)
    if vectors.learns_from_labels:  # its vectors would have to be learned from each resample, too
        n_again = 0
    fewer = FewerLabels(
        task,
        vectors,
        plan.folds,
        options,
        answer_from_part,
        supervision.scoring,
        supervision.labels,
        n_draws=n_draws,
        per_class=supervision.per_class,
    )
    again = LearnedAgain(supervision.scoring, plan.groups, plan.folds, n_again)
    rng = np.random.default_rng(seed)
    answers: list[np.ndarray] = []
    probes: list[dict[str, Any]] = []
    fit_seconds = tune_seconds = 0.0
    for number, (train, test) in enumerate(plan.folds):
        learned = rng.permutation(train) if shuffle_labels else train
        response = supervision.respond(learned)
        if response.lack is not None:
            raise DataError(task.name, f"a training part has {response.lack}", "add examples or check the labels")
        of_train, of_test = vectors.of_fold(train, test, supervision.labels[learned])
        started = perf_counter()
        training = ProbeTraining(of_train, response, plan.kept[train], options, seed=seed)
        probe = training.probe()
        answers.append(probe.answer(of_test))
        fit_seconds += perf_counter() - started
        tune_seconds += probe.tune_seconds
        probes.append(probe.details)
        if supervision.visit is not None:
            supervision.visit(probe, test, of_test, vectors)
        fewer.score(number, of_train, of_test)
        again.score(number, partial(_answer_from_resample, training, probe, training.coordinates(of_test)))
    fewer.finish()
    again.finish()
    fields = {
        "dim": vectors.dim,
        "encode_seconds": vectors.seconds,
        "fit_seconds": fit_seconds,
        "tune_seconds": tune_seconds,
        "bytes_per_item": vectors.bytes_per_item,
        "details": {
            "folds": probes,
            **supervision.details,
            "shuffled_labels": shuffle_labels,
            "n_train": [len(train) for train, _ in plan.folds],
            "n_test": [len(test) for _, test in plan.folds],
            **again.details,
        },
        "label_draws": fewer.drawn.draws(),
        "training_draws": again.drawn.table(task.example_ids[plan.tested]),
    }
    in_order = np.argsort(np.concatenate([test for _, test in plan.folds]))
    curve = fewer.item_scores(task.example_ids, task.example_ids[plan.groups])
    return ProbedFolds(np.concatenate(answers)[in_order], fields, curve)


def _answer_from_resample(
    training: ProbeTraining[Any], probe: Probe[Any], coordinates: Features, rows: np.ndarray
) -> np.ndarray:
    return probe.to_answers(training.on_resample(rows, probe), coordinates)
