"""The probe: a multinomial logistic regression on frozen vectors, its penalty tuned on training data alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from emb_pipeline.tasks.folds import stratified_folds
from emb_pipeline.tasks.options import ClassificationOptions
from emb_pipeline.tasks.softmax import Axes, Coefficients, Features, SoftmaxRegression, axes_of

PATIENCE = 3
"""Values of C that bring nothing before the path ends early."""


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


def fit_probe(
    features: Features, codes: np.ndarray, n_classes: int, groups: np.ndarray, options: ClassificationOptions, *, seed: int
) -> Probe:
    """Choose C by inner cross-validation, then fit on all training rows.

    Dense features are standardised by the mean and deviation of the training rows. Sparse ones are left as the embedding
    made them: centring would fill them, and dividing by the deviation would make the rarest terms the largest. TF-IDF
    rows have length 1 already.

    C runs upwards over a logarithmic path, from strong to weak penalties, in units of one over the mean squared length
    of a feature vector, so that one path serves 50 and 768 dimensions and rows of length 1. Chosen is the smallest C that is
    worse than the best one by no more than a standard error of their paired difference on held-out rows (after Breiman et
    al. 1984, ch. 3.4.3): accuracy is often flat over several powers of ten, where the smaller C has the better
    probabilities. The path ends early once this choice stands still while log loss grows, and is widened where the choice
    lies at its end. The inner folds share scaling and axes, which know all training rows but no label. The
    final fit goes up the same path, to the chosen C.

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
    final = SoftmaxRegression(rotated, codes, n_classes)
    for step in range(min(path.scores), path.chosen):
        final.fit(path.c_of(step), tolerance=options.tolerance, max_iterations=options.max_iterations)
    c = path.c_of(path.chosen)
    coefficients = final.fit(c, tolerance=options.final_tolerance, max_iterations=5 * options.max_iterations)
    tried = [path.scores[step] for step in sorted(path.scores)]
    return Probe(c, path.edge, tried, final.converged, scaler, axes, coefficients)


class _Path:
    """Inner cross-validation over C: the folds go up the path side by side, each from its own last solution."""

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
        self._folds = stratified_folds(codes, groups, n_folds=n_folds, seed=seed)
        self._unit = 1.0 / max(_mean_squared_length(features), 1e-12)
        self.scores: dict[int, dict[str, float]] = {}
        self._qualities: dict[int, np.ndarray] = {}

    def c_of(self, step: int) -> float:
        """C, in scikit-learn's scale, of a step of the path."""
        return float(self._unit * 10 ** (step / self._options.steps_per_decade))

    @property
    def chosen(self) -> int:
        """The first step that is not worse than the best by more than one standard error of their difference."""
        steps = sorted(self.scores)
        best = max(steps, key=lambda step: (self._qualities[step].mean(), -step))
        return next(step for step in steps if step == best or self._is_close(step, best))

    @property
    def edge(self) -> str:
        """The end of the path that the choice lies at, if it does."""
        if len(self.scores) > 1 and self.chosen == max(self.scores):
            return "high"
        return "low" if self._falls_from_the_start() else "none"

    def tune(self) -> None:
        """Score the steps of the path, and more where the best one is its last or first."""
        per_decade, widen = self._options.steps_per_decade, self._options.widen_decades
        low, high = (round(value * per_decade) for value in (self._options.log10_c_low, self._options.log10_c_high))
        models = self._models()
        for step in range(low, high + widen * per_decade + 1):
            if self._is_exhausted() or (step > high and not self._still_rises(step - 1)):
                break
            self._score(step, models)
        for step in range(low - 1, low - widen * per_decade - 1, -1):
            if not self._falls_from_the_start():
                break
            self._score(step, self._models())

    def _models(self) -> list[SoftmaxRegression]:
        return [
            SoftmaxRegression(self._features[self._folds != fold], self._codes[self._folds != fold], self._n_classes)
            for fold in np.unique(self._folds)
        ]

    def _score(self, step: int, models: list[SoftmaxRegression]) -> None:
        c, n = self.c_of(step), len(self._codes)
        right, log_likelihood = np.zeros(n), np.zeros(n)
        for fold, model in zip(np.unique(self._folds), models, strict=True):
            held_out = self._folds == fold
            fitted = model.fit(c, tolerance=self._options.tolerance, max_iterations=self._options.max_iterations)
            logs = fitted.log_probabilities(self._features[held_out])
            right[held_out] = logs.argmax(axis=1) == self._codes[held_out]
            log_likelihood[held_out] = logs[np.arange(len(logs)), self._codes[held_out]]
        self.scores[step] = {"c": c, "accuracy": float(right.mean()), "log_loss": -float(log_likelihood.mean())}
        self._qualities[step] = right if self._options.select_by == "accuracy" else log_likelihood

    def _is_close(self, step: int, best: int) -> bool:
        lost = self._qualities[best] - self._qualities[step]
        return bool(lost.mean() <= lost.std() / np.sqrt(len(lost)))

    def _is_exhausted(self) -> bool:
        """Whether the last steps brought nothing: the choice lies before them, and so does the lowest log loss."""
        last = sorted(self.scores)[-PATIENCE:]
        if len(self.scores) <= PATIENCE or self.chosen in last:
            return False
        lowest = min(scores["log_loss"] for scores in self.scores.values())
        return all(self.scores[step]["log_loss"] > lowest for step in last)

    def _still_rises(self, last: int) -> bool:
        """Whether the last step is the choice, or has at least the lowest log loss."""
        return last in (self.chosen, min(self.scores, key=lambda step: self.scores[step]["log_loss"]))

    def _falls_from_the_start(self) -> bool:
        """Whether the first step is better than the second (on a plateau there, the probe knows class frequencies alone)."""
        steps = sorted(self.scores)
        return len(steps) > 1 and self.chosen == steps[0] and not self._is_close(steps[1], steps[0])


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
    return float(np.square(values).sum(dtype=np.float64) / features.shape[0])
