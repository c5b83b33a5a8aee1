"""The probe of a classification: a softmax regression, and what its penalty is chosen by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from emb_pipeline.errors import DataError, suggest
from emb_pipeline.statistics.intervals.class_metrics import compute_class_metrics
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.probes.probe import HeldOut, Judgment, Probe, ProbeTraining, Response
from emb_pipeline.tasks.probes.regression import Features, Regression
from emb_pipeline.tasks.probes.softmax import Coefficients, SoftmaxRegression

UNSEEN = -100.0
"""Log probability of a class that a training part has no example of."""


@dataclass(frozen=True, eq=False)
class ClassResponse(Response[Coefficients]):
    """One class of each row.

    Attributes
    ----------
    codes : ndarray of shape (n_rows,)
        Class codes.
    classes : int, or sequence of str
        Classes of the task, whether they occur here or not: how many, or their names, which weights are given by.
    options : ClassificationOptions
        What chooses C, and the weights of the classes.

    Raises
    ------
    DataError
        A weight is given for a class that the task does not have.
    """

    codes: np.ndarray
    classes: int | Sequence[str] | np.ndarray
    options: ClassificationOptions
    weights: np.ndarray | None = field(init=False)

    def __post_init__(self) -> None:
        weights = weigh_examples(self.codes, self.classes, self.options.class_weights)
        object.__setattr__(self, "weights", weights)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.classes if isinstance(self.classes, int) else len(self.classes)

    @property
    def strata(self) -> np.ndarray:
        """The classes."""
        return self.codes

    def start_regression(
        self, features: Features, rows: np.ndarray, start: Coefficients | None = None
    ) -> Regression[Coefficients]:
        """Prepare a softmax regression."""
        weights = None if self.weights is None else self.weights[rows]
        return SoftmaxRegression(features, self.codes[rows], self.n_classes, start=start, weights=weights)

    def hold_out(self) -> HeldOut:
        """Prepare to score by the metric that the options name."""
        return _HeldOutClasses(self)

    @property
    def lack(self) -> str | None:
        """A second class."""
        return None if self.only_answer is None else "examples of one class alone"

    @property
    def only_answer(self) -> np.ndarray | None:
        """The log probabilities, of shape (n_classes,), that are right where all rows are of one class."""
        present = np.unique(self.codes)
        if len(present) > 1:
            return None
        logs = np.full(self.n_classes, UNSEEN)
        logs[present] = 0.0
        return logs


class _HeldOutClasses:
    def __init__(self, response: ClassResponse) -> None:
        options = response.options
        by_task = options.select_by == "primary_metric"
        self._codes, self._weights = response.codes, 1.0 if response.weights is None else response.weights
        self._select_by = (options.primary_metric or "accuracy") if by_task else options.select_by
        self._logs = np.zeros((len(self._codes), response.n_classes))

    def add(self, rows: np.ndarray, logs: np.ndarray) -> None:
        self._logs[rows] = logs

    def judge(self) -> Judgment:
        names = list(dict.fromkeys(["accuracy", "log_loss", self._select_by]))
        values = compute_class_metrics(names, self._codes, self._logs)
        summaries = {name: float(scores.mean()) for name, scores in values.items()}
        log_likelihood = -values["log_loss"] * self._weights
        quality = {**values, "accuracy": values["accuracy"] * self._weights, "log_loss": log_likelihood}[self._select_by]
        return summaries, np.asarray(quality), log_likelihood


def weigh_examples(
    codes: np.ndarray, classes: int | Sequence[str] | np.ndarray, wanted: str | Mapping[str, float]
) -> np.ndarray | None:
    """Weigh training rows by their class, as scikit-learn's ``class_weight`` does; None where all count alike.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Class codes.
    classes : int, or sequence of str
        Of the task, by code.
    wanted : {"none", "balanced"}, or mapping of str to float
        ``balanced``: ``n_samples / (classes that occur * examples of the class)``.

    Raises
    ------
    DataError
        A weight is given for a class that the task does not have.
    """
    if wanted == "none":
        return None
    sizes = np.bincount(codes)
    if isinstance(wanted, str):
        by_class = len(codes) / (np.count_nonzero(sizes) * np.maximum(sizes, 1))
    else:
        names = [] if isinstance(classes, int) else [str(name) for name in classes]
        for name in wanted:
            if name not in names:
                raise DataError("class_weights", f"{name!r} is no class of the task", suggest(name, names))
        by_class = np.array([wanted.get(name, 1.0) for name in names])
    return np.asarray(by_class[codes], dtype=np.float64)


def fit_probe(
    features: Features,
    codes: np.ndarray,
    classes: int | Sequence[str] | np.ndarray,
    groups: np.ndarray,
    options: ClassificationOptions,
    *,
    seed: int,
) -> Probe[Coefficients]:
    """Fit the probe of a classification: choose C by inner cross-validation, then fit on all training rows.

    See `ProbeTraining`.

    Parameters
    ----------
    features : ndarray or csr_array of shape (n_samples, n_features), float32
        Vectors of the training rows.
    codes : ndarray of shape (n_samples,)
        Their class codes.
    classes : int, or sequence of str
        Classes of the task, whether they occur here or not: how many, or their names, which weights are given by.
    groups : ndarray of shape (n_samples,)
        Duplicates have one number and stay in one inner fold.
    options : ClassificationOptions
        The path and the tolerances.
    seed : int
        Seed of the inner folds.
    """
    return ProbeTraining(features, ClassResponse(codes, classes, options), groups, options, seed=seed).probe()
