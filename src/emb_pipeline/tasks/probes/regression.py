"""L2-regularised linear models for a path of penalties: what regressions of classes and labels share.

The scaling of the variables and the stopping rule are here; a subclass has the loss.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import numpy as np
import scipy.sparse as sp

from emb_pipeline.storage.vector_rows import split_rows
from emb_pipeline.tasks.probes.lbfgs import minimise
from emb_pipeline.tasks.probes.softmax_kernels import sparse_product

Features: TypeAlias = np.ndarray | sp.csr_array
_ROWS_AT_A_TIME = 1 << 17


@dataclass(frozen=True)
class LinearCoefficients(ABC):
    """Weights of shape (n_axes, n_columns) and intercepts of shape (n_columns,): a column for each class or label."""

    weights: np.ndarray
    intercepts: np.ndarray

    def scores(self, features: Features) -> np.ndarray:
        """Compute scores of all columns: shape (n_rows, n_columns), float64."""
        return np.asarray(np.asarray(features @ self.weights, dtype=np.float64) + self.intercepts)

    @abstractmethod
    def predict(self, features: Features) -> np.ndarray:
        """Predict log probabilities of the columns, or numbers: shape (n_rows, n_columns), float64."""


Solution = TypeVar("Solution", bound=LinearCoefficients)


class Regression(ABC, Generic[Solution]):
    """Fits for a path of penalties on the same data.

    Attributes
    ----------
    converged : bool
        Whether the last fit reached its tolerance.
    """

    converged: bool

    @abstractmethod
    def fit(self, c: float, *, tolerance: float, max_iterations: int) -> Solution:
        """Fit the coefficients for one C, in scikit-learn's scale."""


class PenalizedRegression(Regression[Solution]):
    """Fits by L-BFGS, each starting from the one before.

    Parameters
    ----------
    features : ndarray or csr_array of shape (n_samples, n_axes), float32
        In the axes of `emb_pipeline.tasks.probes.softmax.axes_of` for speed; the solution is right in any.
    start : LinearCoefficients
        Where the first fit starts.
    """

    def __init__(self, features: Features, start: Solution) -> None:
        self._features = features
        self._transposed = sp.csr_array(features.T) if sp.issparse(features) else None
        self._ones = np.ones(features.shape[0], dtype=np.float32)
        self._mean_squares = _compute_mean_squares(features)
        self._kind = type(start)
        self._fit = self._evaluate_fit(start)
        self.iterations = 0
        self.converged = True

    @property
    def coefficients(self) -> Solution:
        """The last solution."""
        return self._fit.coefficients

    def fit(self, c: float, *, tolerance: float = 1e-4, max_iterations: int = 200) -> Solution:
        """Fit the coefficients for one C.

        Parameters
        ----------
        c : float
            Inverse strength of the penalty, as in scikit-learn.
        tolerance : float
            Stop when an iteration lowers the objective by less than this part of it.
        max_iterations : int
            Stop there in any case; ``converged`` tells.
        """
        n, start = self._features.shape[0], self._fit
        n_axes, n_classes = start.coefficients.weights.shape
        penalty = 1.0 / (c * n)
        scale = 1.0 / max(start.loss + 0.5 * penalty * _compute_squared_length(start.coefficients.weights), 1e-30)
        curvature = np.maximum(start.curvature, 1e-9)
        weight_unit = 1 / np.sqrt(scale * (curvature * self._mean_squares.astype(np.float64)[:, None] + penalty))
        weight_unit = weight_unit.astype(np.float32)
        intercept_unit = (1 / np.sqrt(scale * curvature)).astype(np.float32)
        to_gradient = np.float32(scale / n)

        def at(fit: Fit[Solution]) -> tuple[float, np.ndarray, Fit[Solution]]:
            weights = fit.coefficients.weights
            loss = fit.loss + 0.5 * penalty * _compute_squared_length(weights)
            gradient = np.empty((n_axes + 1, n_classes), dtype=np.float32)
            np.multiply(weights, np.float32(penalty * n), out=gradient[:n_axes])
            gradient[:n_axes] += fit.gradient
            gradient[:n_axes] *= to_gradient * weight_unit
            gradient[n_axes] = to_gradient * intercept_unit * fit.intercept_gradient
            return loss * scale, gradient.ravel(), fit

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray, Fit[Solution]]:
            scaled = flat.reshape(n_axes + 1, n_classes)
            return at(self._evaluate_fit(self._kind(weight_unit * scaled[:n_axes], intercept_unit * scaled[n_axes])))

        before = start.coefficients
        found = minimise(
            objective,
            np.vstack([before.weights / weight_unit, before.intercepts / intercept_unit]).ravel(),
            at(start),
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
        self._fit, self.iterations, self.converged = found.point, found.iterations, found.converged
        return self.coefficients

    @abstractmethod
    def _evaluate_fit(self, coefficients: Solution) -> Fit[Solution]:
        """Compute loss and gradients of coefficients on the training rows, without the penalty."""

    def _multiply(self, weights: np.ndarray) -> np.ndarray:
        """Features times a matrix: shape (n_samples, n_classes), float32, to be changed in place."""
        return _multiply(self._features, weights)

    def _multiply_transposed(self, residuals: np.ndarray) -> np.ndarray:
        """Features, transposed, times residuals of the rows: shape (n_axes, n_classes)."""
        # Dense: a tenth faster than the transposed features times the residuals.
        if self._transposed is None:
            return np.asarray((residuals.T @ self._features).T)
        return _multiply(self._transposed, residuals)


@dataclass(frozen=True, eq=False)
class Fit(Generic[Solution]):
    """Loss and gradients of coefficients on the training rows, without the penalty.

    Attributes
    ----------
    coefficients : LinearCoefficients
        The point.
    loss : float
        Mean log loss of a row.
    curvature : float or ndarray of shape (n_classes,)
        Mean of p(1 - p) over rows, and over classes or for each.
    gradient, intercept_gradient : ndarray of shape (n_axes, n_classes) and (n_classes,), float32
        Of the summed log loss.
    """

    coefficients: Solution
    loss: float
    curvature: float | np.ndarray
    gradient: np.ndarray
    intercept_gradient: np.ndarray


def count_bytes(features: Features) -> int:
    """Count the bytes of features, with the indices of sparse ones."""
    parts = (features.data, features.indices, features.indptr) if isinstance(features, sp.csr_array) else (features,)
    return sum(part.nbytes for part in parts)


def _multiply(left: Features, right: np.ndarray) -> np.ndarray:
    if isinstance(left, np.ndarray):
        return np.asarray(left @ right)
    out = np.empty((left.shape[0], right.shape[1]), dtype=np.float32)
    sparse_product(left.indptr, left.indices, left.data, right, out)
    return out


def _compute_mean_squares(features: Features) -> np.ndarray:
    if sp.issparse(features):
        return np.asarray(sp.csr_array(features).power(2).mean(axis=0), dtype=np.float32).ravel()
    sums = np.zeros(features.shape[1])
    parts = list(split_rows(len(features), _ROWS_AT_A_TIME))
    if len(parts) == 1:
        return np.asarray(np.square(features).mean(axis=0), dtype=np.float32)
    for rows in parts:
        sums += np.einsum("ij,ij->j", features[rows], features[rows], dtype=np.float64)
    return (sums / len(features)).astype(np.float32)


def _compute_squared_length(weights: np.ndarray) -> float:
    return float(np.dot(weights.ravel(), weights.ravel()))
