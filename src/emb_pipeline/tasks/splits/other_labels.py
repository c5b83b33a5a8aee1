"""Scores of probes that learn from parts and from resamples of the training labels, over all folds of a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa

from emb_pipeline.embeddings.protocols import Vectors
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.options import LearningCurveOptions
from emb_pipeline.tasks.splits.example_folds import Examples, Fold, count_nominal_labels, find_tested
from emb_pipeline.tasks.splits.fold_vectors import FoldVectors
from emb_pipeline.tasks.splits.label_draws import LabelDraws
from emb_pipeline.tasks.splits.training_draws import TrainingDraws

AnswerFromPart = Callable[[Vectors, np.ndarray, Vectors, np.ndarray], np.ndarray]
"""Answers to test texts by a probe that learns from a part of a fold's labels. It takes the vectors and positions of the
part, and those of the test texts."""
AnswerFromResample = Callable[[np.ndarray], np.ndarray]
"""The same for a resample of a fold's training part: it takes positions in that part, each as often as it was drawn."""


@dataclass(frozen=True)
class AnswerScoring:
    """A metric of the answers to all test units together.

    Attributes
    ----------
    metric : str
        Its name.
    keep : callable
        Reduces answers to what the metric needs of them, row by row.
    compute : callable
        Computes the value of each test unit, of what was kept for all of them, in their order.
    """

    metric: str
    keep: Callable[[np.ndarray], np.ndarray]
    compute: Callable[[np.ndarray], np.ndarray]


class DrawnAnswers:
    """Answers of several probes to the test units, gathered fold by fold.

    Parameters
    ----------
    scoring : AnswerScoring
        How they are scored when all are there.
    n_draws, n_units : int
        Probes and test units.
    """

    def __init__(self, scoring: AnswerScoring, n_draws: int, n_units: int) -> None:
        self._scoring, self._shape = scoring, (n_draws, n_units)
        self._kept: np.ndarray | None = None

    def note(self, draw: int, units: np.ndarray, answers: np.ndarray) -> None:
        """Note what a probe answers to some units: shape (n_noted, ...)."""
        kept = self._scoring.keep(answers)
        if self._kept is None:
            self._kept = np.zeros((*self._shape, *kept.shape[1:]), dtype=kept.dtype)
        self._kept[draw, units] = kept

    def score(self) -> np.ndarray:
        """Compute the value of each unit, for each probe: shape (n_draws, n_units)."""
        if self._kept is None:
            return np.zeros(self._shape)
        return np.array([self._scoring.compute(kept) for kept in self._kept], dtype=np.float64)


class FewerLabels:
    """Scores of probes that are tuned and fitted on parts of the labels.

    An embedding that is fitted on a task's training texts (TF-IDF) has all of them, as word vectors have a whole corpus, or
    those with a label alone, as the options say. One that learns from labels has no others in any case.

    Parameters
    ----------
    task : Examples
        The examples.
    vectors : FoldVectors
        Where an embedding is fitted again on the texts with a label.
    folds : list of Fold
        Training and test positions.
    options : LearningCurveOptions
        Which parts, and what an embedding of the task's own is fitted on.
    answer_from_part : callable
        See `AnswerFromPart`.
    scoring : AnswerScoring
        How the answers of all folds are scored (`finish`).
    labels : ndarray of shape (n_examples,)
        Codes of classes, or values, for an embedding that learns from them.
    n_draws : int, optional
        Draws of each part; None: by the number of labels.
    per_class : sequence of int, optional
        Labels of each class, for parts that have as many of each.

    Raises
    ------
    DataError
        Of a class there are not more labels than ``per_class`` asks for.
    """

    def __init__(
        self,
        task: Examples,
        vectors: FoldVectors,
        folds: list[Fold],
        options: LearningCurveOptions,
        answer_from_part: AnswerFromPart,
        scoring: AnswerScoring,
        labels: np.ndarray,
        *,
        n_draws: int | None,
        per_class: Sequence[int] | None = None,
    ) -> None:
        self._task, self._vectors, self._folds, self._answer_from_part = task, vectors, folds, answer_from_part
        self._fits_again = vectors.learns_from_labels or not options.unlabeled_texts
        self._labels = labels
        self._tested = find_tested(folds)
        sizes: dict[str, Any] = {
            "n_labels": count_nominal_labels(folds),
            "n_units": len(self._tested),
            "n_draws": n_draws,
            "n_folds": len(folds),
        }
        metric, n_classes = scoring.metric, len(np.unique(task.codes))
        if per_class is None:
            self.drawn = LabelDraws.plan(metric, n_classes=n_classes, wanted=options.label_counts, **sizes)
        else:
            class_sizes = _count_class_sizes(task, folds, n_classes, max(per_class))
            self.drawn = LabelDraws.plan_balanced(metric, per_class, class_sizes=class_sizes, **sizes)
        self._answers = [DrawnAnswers(scoring, *scores.shape) for scores in self.drawn.scores]

    def score(self, number: int, of_train: Vectors, of_test: Vectors) -> None:
        """Fit on each part of a fold's training texts, whose vectors these are."""
        train, test = self._folds[number]
        units = np.searchsorted(self._tested, test)
        for (row, draw), part in self.drawn.parts(self._task.codes[train], number):
            of_part, of_tested = of_train[part], of_test
            if self._fits_again:
                of_part, of_tested = self._vectors.of_part(train[part], test, self._labels[train[part]])
            self._answers[row].note(draw, units, self._answer_from_part(of_part, train[part], of_tested, test))

    def finish(self) -> None:
        """Score the answers of all folds."""
        for scores, answers in zip(self.drawn.scores, self._answers, strict=True):
            scores[:] = answers.score()

    def item_scores(self, unit_ids: np.ndarray, group_ids: np.ndarray) -> list[pa.Table]:
        """Build a table for each number of labels, from names and groups of all examples of the task."""
        return self.drawn.item_scores(unit_ids[self._tested], group_ids[self._tested])


def _count_class_sizes(task: Examples, folds: list[Fold], n_classes: int, most: int) -> np.ndarray:
    """Count the labels of each class in a training part, in the mean over folds: more than ``most`` in each of them."""
    sizes = np.array([np.bincount(task.codes[train], minlength=n_classes) for train, _ in folds])
    if (fewest := int(sizes.min())) <= most:
        raise DataError(
            f"{task.name}, labels_per_class",
            f"{most} labels of each class are asked for, and a class has {fewest} in a training part",
            f"ask for {fewest - 1} at most" if fewest > 1 else "leave it out, so that each class is drawn in its share",
        )
    return np.asarray(sizes.mean(axis=0))


FEW_LABELS = 5_000
"""Labels of a training part up to which probes learn from resamples of them unless an option says otherwise."""
TRAINING_DRAWS = 10
"""Resamples then; with folds, too, which share most of their labels."""


class LearnedAgain:
    """Scores of probes that learn from resamples of the training labels.

    With folds a resample is of all examples, and a fold's training part is what it has of that part. What an embedding is
    fitted on stays: the texts are known, it is labels that would be others.

    Parameters
    ----------
    scoring : AnswerScoring
        How the answers of all folds are scored (`finish`).
    groups : ndarray of shape (n_examples,)
        Examples that are drawn together.
    folds : list of Fold
        Training and test positions.
    wanted : int, optional
        Resamples; None: by the number of labels.
    """

    def __init__(self, scoring: AnswerScoring, groups: np.ndarray, folds: list[Fold], wanted: int | None) -> None:
        self._folds, self._tested = folds, find_tested(folds)
        by_default = TRAINING_DRAWS if len(folds) > 1 or count_nominal_labels(folds) <= FEW_LABELS else 0
        n_draws = by_default if wanted is None else wanted
        learnt = np.unique(np.concatenate([train for train, _ in folds]))
        n_units = len(self._tested)
        self.drawn = TrainingDraws.plan(scoring.metric, learnt=learnt, groups=groups, n_units=n_units, n_draws=n_draws)
        self._answers = DrawnAnswers(scoring, n_draws, n_units)
        self._seconds = 0.0

    @property
    def details(self) -> dict[str, Any]:
        """Number of resamples, and the seconds that they took; empty without any."""
        n_draws = len(self.drawn.scores)
        return {"training_draws": {"n": n_draws, "seconds": self._seconds}} if n_draws else {}

    def score(self, number: int, answer_from_resample: AnswerFromResample) -> None:
        """Fit on each resample of a fold's training part."""
        if not len(self.drawn.scores):
            return
        started = perf_counter()
        train, test = self._folds[number]
        units = np.searchsorted(self._tested, test)
        for draw, rows in self.drawn.resamples(train):
            self._answers.note(draw, units, answer_from_resample(rows))
        self._seconds += perf_counter() - started

    def finish(self) -> None:
        """Score the answers of all folds."""
        self.drawn.scores[:] = self._answers.score()
