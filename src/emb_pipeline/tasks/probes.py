"""The probe: a multinomial logistic regression on frozen vectors, its penalty tuned on training data alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from emb_pipeline.tasks.folds import stratified_folds
from emb_pipeline.tasks.options import ClassificationOptions
from emb_pipeline.tasks.softmax import Axes, Coefficients, Features, SoftmaxRegression, axes_of

PATIENCE = 2
"""Values of C without a better accuracy and with a worse log loss before the path ends early."""


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
    """

    c: float
    edge: str
    path: list[dict[str, float]]
    converged: bool
    _scaler: _Scaler
    _axes: Axes
    _coefficients: Coefficients

    def log_probabilities(self, features: Features) -> np.ndarray:
        """Logarithms of the class probabilities: shape (n_rows, n_classes), float64."""
        return self._coefficients.log_probabilities(self._axes.rotate(self._scaler.scale(features)))

    @property
    def details(self) -> dict[str, Any]:
        """What to keep of the tuning, ready for JSON."""
        return {"c": self.c, "edge": self.edge, "converged": self.converged, "path": self.path}


def fit_probe(features: Features, codes: np.ndarray, n_classes: int, groups: np.ndarray, options: ClassificationOptions, *,
              seed: int) -> Probe:
    """Choose C by inner cross-validation, then fit on all training rows.

    Dense features are standardised by the mean and deviation of the training rows. Sparse ones are left as the embedding
    made them: centring would fill them, and dividing by the deviation would make the rarest terms the largest. TF-IDF
    rows have length 1 already.

    C runs upwards over a logarithmic path, from strong to weak penalties, in units of one over the mean squared length
    of a feature vector, so that one path serves 50 and 768 dimensions and rows of length 1. It ends early once accuracy
    no longer improves while log loss grows, and is widened where the best value lies at its end. Of equally good values
    the smallest C is taken. The inner folds share scaling and axes, which know all training rows but no label.

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
    scaler = _Scaler.of(features, standardise=options.standardise)
    scaled = scaler.scale(features)
    axes = axes_of(scaled)
    rotated = axes.rotate(scaled)
    path = _Path(rotated, codes, n_classes, groups, options, seed=seed)
    path.tune()
    final = SoftmaxRegression(rotated, codes, n_classes, start=path.best_start)
    c = path.c_of(path.best)
    coefficients = final.fit(c, tolerance=options.final_tolerance, max_iterations=5 * options.max_iterations)
    tried = [path.scores[step] for step in sorted(path.scores)]
    return Probe(c, path.edge, tried, final.converged, scaler, axes, coefficients)


class _Path:
    """Inner cross-validation over C: the folds go up the path side by side, each from its own last solution."""

    def __init__(self, features: Features, codes: np.ndarray, n_classes: int, groups: np.ndarray,
                 options: ClassificationOptions, *, seed: int) -> None:
        self._features, self._codes, self._n_classes, self._options = features, codes, n_classes, options
        n_folds = max(2, min(options.inner_folds, len(np.unique(groups))))
        self._folds = stratified_folds(codes, groups, n_folds=n_folds, seed=seed)
        self._unit = 1.0 / max(_mean_squared_length(features), 1e-12)
        self.scores: dict[int, dict[str, float]] = {}
        self.best_start: Coefficients | None = None

    def c_of(self, step: int) -> float:
        """C, in scikit-learn's scale, of a step of the path."""
        return float(self._unit * 10 ** (step / self._options.steps_per_decade))

    @property
    def best(self) -> int:
        """The step with the best score; the smallest C among equals."""
        return min(self.scores, key=lambda step: (-self._quality(step), step))

    @property
    def edge(self) -> str:
        """The end of the path that the best step lies at, if it does."""
        if len(self.scores) > 1 and self.best == max(self.scores):
            return "high"
        return "low" if self._is_better_below() else "none"

    def tune(self) -> None:
        """Score the steps of the path, and more where the best one is its last or first."""
        per_decade, widen = self._options.steps_per_decade, self._options.widen_decades
        low, high = (round(value * per_decade) for value in (self._options.log10_c_low, self._options.log10_c_high))
        models = self._models()
        for step in range(low, high + widen * per_decade + 1):
            if self._is_exhausted() or (step > high and self.best != step - 1):
                break
            self._score(step, models)
        for step in range(low - 1, low - widen * per_decade - 1, -1):
            if not self._is_better_below():
                break
            self._score(step, self._models())

    def _models(self) -> list[SoftmaxRegression]:
        return [SoftmaxRegression(self._features[self._folds != fold], self._codes[self._folds != fold], self._n_classes)
                for fold in np.unique(self._folds)]

    def _score(self, step: int, models: list[SoftmaxRegression]) -> None:
        right, log_loss = 0, 0.0
        for fold, model in zip(np.unique(self._folds), models, strict=True):
            held_out = self._folds == fold
            fitted = model.fit(self.c_of(step), tolerance=self._options.tolerance, max_iterations=self._options.max_iterations)
            logs = fitted.log_probabilities(self._features[held_out])
            right += int((logs.argmax(axis=1) == self._codes[held_out]).sum())
            log_loss -= float(logs[np.arange(len(logs)), self._codes[held_out]].sum())
        n = len(self._codes)
        self.scores[step] = {"c": self.c_of(step), "accuracy": right / n, "log_loss": log_loss / n}
        if self.best == step:
            weights, intercepts = zip(*((m.coefficients.weights, m.coefficients.intercepts) for m in models), strict=True)
            self.best_start = Coefficients(np.mean(weights, axis=0), np.mean(intercepts, axis=0))

    def _quality(self, step: int) -> float:
        scores = self.scores[step]
        return scores["accuracy"] if self._options.select_by == "accuracy" else -scores["log_loss"]

    def _is_exhausted(self) -> bool:
        """Whether the last steps brought nothing: no better score, and a log loss past its lowest."""
        last = sorted(self.scores)[-PATIENCE:]
        lowest = min((scores["log_loss"] for scores in self.scores.values()), default=0.0)
        return len(self.scores) > PATIENCE and self.best not in last and all(
            self.scores[step]["log_loss"] > lowest for step in last)

    def _is_better_below(self) -> bool:
        """Whether scores rise towards the low end (a plateau there is the probe that knows the class frequencies alone)."""
        steps = sorted(self.scores)
        return len(steps) > 1 and self.best == steps[0] and self._quality(steps[0]) > self._quality(steps[1])


@dataclass(frozen=True, eq=False)
class _Scaler:
    """Mean and deviation of the training rows; None for features that stay as they are."""

    mean: np.ndarray | None
    deviation: np.ndarray | None

    @classmethod
    def of(cls, features: Features, *, standardise: bool) -> _Scaler:
        if sp.issparse(features) or not standardise:
            return cls(None, None)
        mean = features.mean(axis=0, dtype=np.float64)
        deviation = np.sqrt(np.maximum(np.square(features, dtype=np.float64).mean(axis=0) - mean**2, 0))
        deviation[deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6)] = 1.0  # constant features
        return cls(mean.astype(np.float32), deviation.astype(np.float32))

    def scale(self, features: Features) -> Features:
        if self.mean is None:
            return features
        return np.asarray((features - self.mean) / self.deviation, dtype=np.float32)


def _mean_squared_length(features: Features) -> float:
    values = features.data if sp.issparse(features) else features.ravel()
    return float(np.dot(values, values)) / features.shape[0]
