"""The probe of numbers: a ridge regression, tuned by the squared error of standardized targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emb_pipeline.embeddings.linear_head import LinearHead
from emb_pipeline.tasks.probes.probe import HeldOut, Judgment, Response
from emb_pipeline.tasks.probes.regression import Features
from emb_pipeline.tasks.probes.ridge import RidgeCoefficients, RidgeRegression
from emb_pipeline.tasks.probes.softmax import Axes, OwnAxes


class NumberResponse(Response[RidgeCoefficients]):
    """The number of each row; coefficients are for targets with mean 0 and variance 1.

    Parameters
    ----------
    targets : ndarray of shape (n_rows,), float64
        The numbers.
    codes : ndarray of shape (n_rows,), int
        Strata of the targets.
    """

    def __init__(self, targets: np.ndarray, codes: np.ndarray) -> None:
        self._center, self._unit = float(targets.mean()), float(targets.std()) or 1.0
        self._standardized, self._codes = (targets - self._center) / self._unit, codes

    @property
    def strata(self) -> np.ndarray:
        """The strata of the targets."""
        return self._codes

    def start_regression(
        self, features: Features, rows: np.ndarray, start: RidgeCoefficients | None = None
    ) -> RidgeRegression:
        """Prepare a ridge regression, which needs no start."""
        return RidgeRegression(features, self._standardized[rows])

    def hold_out(self) -> HeldOut:
        """Prepare to score by squared error."""
        return _HeldOutNumbers(self._standardized)

    def find_axes(self, features: Features) -> Axes:
        """Keep the features' own axes: the ridge is solved at once."""
        return OwnAxes()

    def to_answers(self, predicted: np.ndarray, chosen: Mapping[str, float]) -> np.ndarray:
        """Bring numbers into the targets' own unit: shape (n_rows,), float64."""
        return np.asarray(self._center + self._unit * predicted[:, 0])

    def to_head(self, head: LinearHead) -> LinearHead:
        """Bring them into the targets' own unit."""
        return LinearHead(self._unit * head.weights, self._center + self._unit * head.intercepts)


class _HeldOutNumbers:
    def __init__(self, targets: np.ndarray) -> None:
        self._targets, self._squares = targets, np.zeros(len(targets))

    def add(self, rows: np.ndarray, predicted: np.ndarray) -> None:
        self._squares[rows] = np.square(predicted[:, 0] - self._targets[rows])

    def judge(self) -> Judgment:
        log_likelihood = -0.5 * (self._squares + np.log(2 * np.pi))
        summaries = {"squared_error": float(self._squares.mean()), "log_loss": -float(log_likelihood.mean())}
        return summaries, -self._squares, log_likelihood
