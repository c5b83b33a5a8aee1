"""The probe of numbers: a ridge regression on frozen vectors, its penalty tuned on training data alone."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.tasks.options import FoldOptions
from emb_pipeline.tasks.probes.penalty_path import PenaltyPath, Scorer, mean_of
from emb_pipeline.tasks.probes.regression import Features
from emb_pipeline.tasks.probes.ridge import RidgeCoefficients, RidgeRegression
from emb_pipeline.tasks.probes.scaling import Scaler, mean_squared_length
from emb_pipeline.tasks.splits.folds import draw_stratified_folds


@dataclass(frozen=True, eq=False)
class NumberProbe:
    """A fitted probe.

    Attributes
    ----------
    c : float
        The chosen inverse penalty: ``1 / alpha`` of scikit-learn's Ridge.
    edge : {"none", "low", "high"}
        Whether the best value is the first or last of the path, after the path was widened.
    path : list of dict
        C, mean squared error (of targets with variance 1) and log loss of each value tried, on held-out inner folds.
    converged : bool
        Whether the final fit reached its tolerance.
    tune_seconds : float
        Time that choosing C took.
    coefficients : RidgeCoefficients
        In the scaling of the training rows, for targets with mean 0 and variance 1.
    """

    c: float
    edge: str
    path: list[dict[str, float]]
    converged: bool
    tune_seconds: float
    _scaler: Scaler
    _center: float
    _unit: float
    coefficients: RidgeCoefficients

    def predict(self, features: Features) -> np.ndarray:
        """Predict the number of each row: shape (n_rows,), float64."""
        return self.to_numbers(self.coefficients, self._scaler.scale(features))

    def to_numbers(self, coefficients: RidgeCoefficients, coordinates: Features) -> np.ndarray:
        """Predict numbers, in the targets' own unit, of rows in the scaling of the training rows."""
        return self._center + self._unit * coefficients.predict(coordinates)

    def head(self) -> LinearHead:
        """Give the same numbers straight from features: scores of one column."""
        weights = self._unit * self.coefficients.weights[:, None]
        head = LinearHead(weights, np.array([self._center + self._unit * float(self.coefficients.intercept)]))
        if self._scaler.mean is None or self._scaler.deviation is None:
            return head
        return head.on_raw(self._scaler.mean, self._scaler.deviation)

    @property
    def details(self) -> dict[str, Any]:
        """Facts of the tuning to keep, ready for JSON."""
        return {"c": self.c, "edge": self.edge, "converged": self.converged, "path": self.path}


class NumberProbeTraining:
    """Training rows in the scaling of their probe, to fit it on all of them and on resamples of them.

    Dense features are standardized by the mean and deviation of the training rows; sparse ones stay as they are. Targets
    are, too. C goes up a `PenaltyPath`, scored by inner folds.

    Parameters
    ----------
    features : ndarray or csr_array of shape (n_samples, n_features), float32
        Vectors of the training rows.
    targets : ndarray of shape (n_samples,), float64
        Their numbers.
    codes : ndarray of shape (n_samples,), int
        Strata of the targets, which inner folds spread evenly.
    groups : ndarray of shape (n_samples,)
        Duplicates have one number and stay in one inner fold.
    options : FoldOptions
        The path and the tolerances.
    seed : int
        Seed of the inner folds.
    """

    def __init__(
        self,
        features: Features,
        targets: np.ndarray,
        codes: np.ndarray,
        groups: np.ndarray,
        options: FoldOptions,
        *,
        seed: int,
    ) -> None:
        self._scaler = Scaler.of(features, standardize=options.standardize)
        self._scaled = self._scaler.scale(features)
        self._center, self._unit = float(targets.mean()), float(targets.std()) or 1.0
        self._targets = (targets - self._center) / self._unit
        self._codes, self._groups, self._options, self._seed = codes, groups, options, seed

    def probe(self) -> NumberProbe:
        """Choose C, then fit on all rows."""
        n_folds = max(2, min(self._options.inner_folds, len(np.unique(self._groups))))
        folds = draw_stratified_folds(self._codes, self._groups, n_folds=n_folds, seed=self._seed)
        unit = 1.0 / max(mean_squared_length(self._scaled), 1e-12)
        path = PenaltyPath(unit, lambda: self._create_scorer(folds), self._options)
        started = perf_counter()
        path.tune()
        tune_seconds = perf_counter() - started
        options, final = self._options, RidgeRegression(self._scaled, self._targets)
        coefficients = final.fit(path.chosen_c, tolerance=options.final_tolerance, max_iterations=5 * options.max_iterations)
        return NumberProbe(
            path.chosen_c,
            path.edge,
            path.tried,
            final.converged,
            tune_seconds,
            self._scaler,
            self._center,
            self._unit,
            coefficients,
        )

    def coordinates(self, features: Features) -> Features:
        """Bring rows into the scaling of the training rows: what `on_resample` has coefficients for."""
        return self._scaler.scale(features)

    def on_resample(self, rows: np.ndarray, probe: NumberProbe) -> RidgeCoefficients:
        """Fit on a resample of the rows, positions each as often as it was drawn; scaling and C stay."""
        options, model = self._options, RidgeRegression(self._scaled[rows], self._targets[rows])
        return model.fit(probe.c, tolerance=options.tolerance, max_iterations=options.max_iterations)

    def _create_scorer(self, folds: np.ndarray) -> Scorer[RidgeCoefficients]:
        numbers = np.unique(folds)
        models = [RidgeRegression(self._scaled[folds != fold], self._targets[folds != fold]) for fold in numbers]

        def score(c: float) -> tuple[dict[str, float], np.ndarray, np.ndarray, RidgeCoefficients]:
            squares, solutions = np.zeros(len(folds)), []
            for fold, model in zip(numbers, models, strict=True):
                held_out = folds == fold
                options = self._options
                solutions.append(model.fit(c, tolerance=options.tolerance, max_iterations=options.max_iterations))
                squares[held_out] = np.square(solutions[-1].predict(self._scaled[held_out]) - self._targets[held_out])
            log_likelihood = -0.5 * (squares + np.log(2 * np.pi))
            summaries = {"squared_error": float(squares.mean()), "log_loss": -float(log_likelihood.mean())}
            return summaries, -squares, log_likelihood, mean_of(solutions)

        return score
