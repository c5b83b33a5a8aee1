"""The probe: a logistic regression on frozen vectors, its penalty tuned on training data alone.

What it learns is a `Response`: one class of each row, or whatever else a kind of task asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Generic, Protocol

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.errors import DataError, suggest
from emb_pipeline.statistics.intervals.class_metrics import compute_class_metrics
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.options import FoldOptions
from emb_pipeline.tasks.probes.penalty_path import PenaltyPath, Scorer, mean_of
from emb_pipeline.tasks.probes.regression import Features, PenalizedRegression, Solution
from emb_pipeline.tasks.probes.scaling import Scaler, mean_squared_length
from emb_pipeline.tasks.probes.softmax import Axes, Coefficients, SoftmaxRegression, axes_of
from emb_pipeline.tasks.splits.folds import draw_stratified_folds

Judgment = tuple[dict[str, float], np.ndarray, np.ndarray]
"""Summaries, ``log_loss`` among them; quality and log likelihood of each row."""


class HeldOut(Protocol):
    """Predictions for training rows by probes that have not learned from them."""

    def add(self, rows: np.ndarray, logs: np.ndarray) -> None:
        """Take log probabilities of some rows, which a mask says."""

    def judge(self) -> Judgment:
        """Score them, once all rows have some."""


class Response(Protocol[Solution]):
    """The right answer of each training row, as a probe learns it."""

    @property
    def strata(self) -> np.ndarray:
        """Codes that inner folds spread evenly: shape (n_rows,)."""

    def start_regression(
        self, features: Features, rows: np.ndarray, start: Solution | None = None
    ) -> PenalizedRegression[Solution]:
        """Prepare fits to some rows, of which these are the features."""

    def hold_out(self) -> HeldOut:
        """Prepare to score predictions of all rows."""


@dataclass(frozen=True, eq=False)
class ClassResponse:
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
    ) -> PenalizedRegression[Coefficients]:
        """Prepare a softmax regression."""
        weights = None if self.weights is None else self.weights[rows]
        return SoftmaxRegression(features, self.codes[rows], self.n_classes, start=start, weights=weights)

    def hold_out(self) -> HeldOut:
        """Prepare to score by the metric that the options name."""
        return _HeldOutClasses(self)


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


@dataclass(frozen=True, eq=False)
class Probe(Generic[Solution]):
    """A fitted probe.

    Attributes
    ----------
    c : float
        The chosen inverse penalty, in scikit-learn's scale.
    edge : {"none", "low", "high"}
        Whether the best value is the first or last of the path, after the path was widened.
    path : list of dict
        C and summaries of each value tried, on held-out inner folds.
    chosen : dict
        The one of them that was chosen.
    converged : bool
        Whether the final fit reached its tolerance.
    tune_seconds : float
        Time that choosing C took.
    coefficients : LinearCoefficients
        In the scaling and the axes of the training rows.
    """

    c: float
    edge: str
    path: list[dict[str, float]]
    chosen: dict[str, float]
    converged: bool
    tune_seconds: float
    _scaler: Scaler
    _axes: Axes
    coefficients: Solution

    def log_probabilities(self, features: Features) -> np.ndarray:
        """Compute logarithms of the class probabilities: shape (n_rows, n_classes), float64."""
        return self.coefficients.log_probabilities(self._axes.rotate(self._scaler.scale(features)))

    def head(self, dim: int) -> LinearHead:
        """Give the same scores straight from features of this dimension."""
        unit = (
            sp.eye_array(dim, dtype=np.float32, format="csr") if self._scaler.mean is None else np.eye(dim, dtype=np.float32)
        )
        weights = np.asarray(self._axes.rotate(unit) @ self.coefficients.weights)
        head = LinearHead(weights, self.coefficients.intercepts)
        if self._scaler.mean is None or self._scaler.deviation is None:
            return head
        return head.on_raw(self._scaler.mean, self._scaler.deviation)

    @property
    def details(self) -> dict[str, Any]:
        """Facts of the tuning to keep, ready for JSON."""
        return {"c": self.c, "edge": self.edge, "converged": self.converged, "path": self.path}


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

    Dense features are standardised by the mean and deviation of the training rows. C goes up a `PenaltyPath`, scored by
    inner cross-validation. The inner folds share scaling and axes, which know all training rows but no label. The final fit
    starts from the mean of the folds' solutions for the chosen C, which is near.

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


class ProbeTraining(Generic[Solution]):
    """Training rows in the scaling and the axes of their probe, to fit it on all of them and on resamples of them.

    Parameters
    ----------
    features, groups, options, seed
        As for `fit_probe`.
    response : Response
        What is learned.
    """

    def __init__(
        self,
        features: Features,
        response: Response[Solution],
        groups: np.ndarray,
        options: FoldOptions,
        *,
        seed: int,
    ) -> None:
        self._scaler = Scaler.of(features, standardize=options.standardize)
        scaled = self._scaler.scale(features)
        self._axes = axes_of(scaled)
        self._rotated = self._axes.rotate(scaled)
        self._response, self._groups, self._options, self._seed = response, groups, options, seed

    def probe(self) -> Probe[Solution]:
        """Choose C, then fit on all rows."""
        inner = _InnerFolds(self._rotated, self._response, self._groups, self._options, seed=self._seed)
        path = PenaltyPath(1.0 / max(mean_squared_length(self._rotated), 1e-12), inner.scorer, self._options)
        started = perf_counter()
        path.tune()
        tune_seconds = perf_counter() - started
        c = path.chosen_c
        everyone = np.arange(len(self._groups))
        final = self._response.start_regression(self._rotated, everyone, path.chosen_solution)
        options = self._options
        coefficients = final.fit(c, tolerance=options.final_tolerance, max_iterations=5 * options.max_iterations)
        return Probe(
            c,
            path.edge,
            path.tried,
            path.scores[path.chosen],
            final.converged,
            tune_seconds,
            self._scaler,
            self._axes,
            coefficients,
        )

    def coordinates(self, features: Features) -> Features:
        """Bring rows into the scaling and the axes of the training rows: what `on_resample` has coefficients for."""
        return self._axes.rotate(self._scaler.scale(features))

    def on_resample(self, rows: np.ndarray, probe: Probe[Solution]) -> Solution:
        """Fit on a resample of the rows: where it has one class alone, that is what the coefficients predict.

        Scaling and axes stay: they know no label. So does C: chosen again on each resample, which holds two thirds of the
        examples, it would move further than with other labels (``benchmarks/label_luck.py``).

        Parameters
        ----------
        rows : ndarray of int
            Positions of rows, each as often as it was drawn.
        probe : Probe
            Of all rows; the fit starts from its coefficients.
        """
        fitted = self._response.start_regression(self._rotated[rows], rows, probe.coefficients)
        return fitted.fit(probe.c, tolerance=self._options.tolerance, max_iterations=self._options.max_iterations)


class _InnerFolds(Generic[Solution]):
    """Inner cross-validation: the folds go up the path side by side, each from its own last solution."""

    def __init__(
        self,
        features: Features,
        response: Response[Solution],
        groups: np.ndarray,
        options: FoldOptions,
        *,
        seed: int,
    ) -> None:
        self._features, self._response, self._options = features, response, options
        n_folds = max(2, min(options.inner_folds, len(np.unique(groups))))
        self._folds = draw_stratified_folds(response.strata, groups, n_folds=n_folds, seed=seed)

    def scorer(self) -> Scorer[Solution]:
        """Build models of all folds that start from the class frequencies; their solution is the mean."""
        models = [
            self._response.start_regression(self._features[self._folds != fold], np.flatnonzero(self._folds != fold))
            for fold in np.unique(self._folds)
        ]

        def score(c: float) -> tuple[dict[str, float], np.ndarray, np.ndarray, Solution]:
            predicted = self._response.hold_out()
            for fold, model in zip(np.unique(self._folds), models, strict=True):
                held_out = self._folds == fold
                fitted = model.fit(c, tolerance=self._options.tolerance, max_iterations=self._options.max_iterations)
                predicted.add(held_out, fitted.log_probabilities(self._features[held_out]))
            return *predicted.judge(), mean_of([model.coefficients for model in models])

        return score
