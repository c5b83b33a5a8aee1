"""The probe: a multinomial logistic regression on frozen vectors, its penalty tuned on training data alone."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.probes.penalty_path import PenaltyPath, Scorer, mean_of
from emb_pipeline.tasks.probes.scaling import Scaler, mean_squared_length
from emb_pipeline.tasks.probes.softmax import Axes, Coefficients, Features, SoftmaxRegression, axes_of
from emb_pipeline.tasks.splits.folds import draw_stratified_folds


@dataclass(frozen=True, eq=False)
class Probe:
    """A fitted probe.

    Attributes
    ----------
    c : float
        The chosen inverse penalty, in scikit-learn's scale.
    edge : {"none", "low", "high"}
        Whether the best value is the first or last of the path, after the path was widened.
    path : list of dict
        C, accuracy and log loss of each value tried, on held-out inner folds.
    converged : bool
        Whether the final fit reached its tolerance.
    tune_seconds : float
        Time that choosing C took.
    coefficients : Coefficients
        In the scaling and the axes of the training rows.
    """

    c: float
    edge: str
    path: list[dict[str, float]]
    converged: bool
    tune_seconds: float
    _scaler: Scaler
    _axes: Axes
    coefficients: Coefficients

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
    features: Features, codes: np.ndarray, n_classes: int, groups: np.ndarray, options: ClassificationOptions, *, seed: int
) -> Probe:
    """Choose C by inner cross-validation, then fit on all training rows.

    Dense features are standardised by the mean and deviation of the training rows. C goes up a `PenaltyPath`, scored by
    inner cross-validation. The inner folds share scaling and axes, which know all training rows but no label. The final fit
    starts from the mean of the folds' solutions for the chosen C, which is near.

    Parameters
    ----------
    features : ndarray or csr_array of shape (n_samples, n_features), float32
        Vectors of the training rows.
    codes : ndarray of shape (n_samples,)
        Their class codes.
    n_classes : int
        Classes of the task, whether they occur here or not.
    groups : ndarray of shape (n_samples,)
        Duplicates have one number and stay in one inner fold.
    options : ClassificationOptions
        The path and the tolerances.
    seed : int
        Seed of the inner folds.
    """
    return ProbeTraining(features, codes, n_classes, groups, options, seed=seed).probe()


class ProbeTraining:
    """Training rows in the scaling and the axes of their probe, to fit it on all of them and on resamples of them.

    Parameters are those of `fit_probe`.
    """

    def __init__(
        self,
        features: Features,
        codes: np.ndarray,
        n_classes: int,
        groups: np.ndarray,
        options: ClassificationOptions,
        *,
        seed: int,
    ) -> None:
        self._scaler = Scaler.of(features, standardize=options.standardize)
        scaled = self._scaler.scale(features)
        self._axes = axes_of(scaled)
        self._rotated = self._axes.rotate(scaled)
        self._codes, self._n_classes, self._groups, self._options, self._seed = codes, n_classes, groups, options, seed

    def probe(self) -> Probe:
        """Choose C, then fit on all rows."""
        inner = _InnerFolds(self._rotated, self._codes, self._n_classes, self._groups, self._options, seed=self._seed)
        path = PenaltyPath(1.0 / max(mean_squared_length(self._rotated), 1e-12), inner.scorer, self._options)
        started = perf_counter()
        path.tune()
        tune_seconds = perf_counter() - started
        c = path.chosen_c
        final = SoftmaxRegression(self._rotated, self._codes, self._n_classes, start=path.chosen_solution)
        options = self._options
        coefficients = final.fit(c, tolerance=options.final_tolerance, max_iterations=5 * options.max_iterations)
        return Probe(c, path.edge, path.tried, final.converged, tune_seconds, self._scaler, self._axes, coefficients)

    def coordinates(self, features: Features) -> Features:
        """Bring rows into the scaling and the axes of the training rows: what `on_resample` has coefficients for."""
        return self._axes.rotate(self._scaler.scale(features))

    def on_resample(self, rows: np.ndarray, probe: Probe) -> Coefficients:
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
        fitted = SoftmaxRegression(self._rotated[rows], self._codes[rows], self._n_classes, start=probe.coefficients)
        return fitted.fit(probe.c, tolerance=self._options.tolerance, max_iterations=self._options.max_iterations)


class _InnerFolds:
    """Inner cross-validation: the folds go up the path side by side, each from its own last solution."""

    def __init__(
        self,
        features: Features,
        codes: np.ndarray,
        n_classes: int,
        groups: np.ndarray,
        options: ClassificationOptions,
        *,
        seed: int,
    ) -> None:
        self._features, self._codes, self._n_classes, self._options = features, codes, n_classes, options
        n_folds = max(2, min(options.inner_folds, len(np.unique(groups))))
        self._folds = draw_stratified_folds(codes, groups, n_folds=n_folds, seed=seed)

    def scorer(self) -> Scorer[Coefficients]:
        """Build models of all folds that start from the class frequencies; their solution is the mean."""
        models = [
            SoftmaxRegression(self._features[self._folds != fold], self._codes[self._folds != fold], self._n_classes)
            for fold in np.unique(self._folds)
        ]

        def score(c: float) -> tuple[dict[str, float], np.ndarray, np.ndarray, Coefficients]:
            n = len(self._codes)
            right, log_likelihood = np.zeros(n), np.zeros(n)
            for fold, model in zip(np.unique(self._folds), models, strict=True):
                held_out = self._folds == fold
                fitted = model.fit(c, tolerance=self._options.tolerance, max_iterations=self._options.max_iterations)
                logs = fitted.log_probabilities(self._features[held_out])
                right[held_out] = logs.argmax(axis=1) == self._codes[held_out]
                log_likelihood[held_out] = logs[np.arange(len(logs)), self._codes[held_out]]
            summaries = {"accuracy": float(right.mean()), "log_loss": -float(log_likelihood.mean())}
            quality = right if self._options.select_by == "accuracy" else log_likelihood
            return summaries, quality, log_likelihood, mean_of([model.coefficients for model in models])

        return score
