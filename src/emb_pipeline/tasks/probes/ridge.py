"""Ridge regression for a path of penalties: exact for dense features, by conjugate gradients for sparse ones.

The model and its penalty are scikit-learn's: the sum of the squared errors, plus ``alpha |w|²`` with ``alpha = 1 / C``,
intercept unpenalized. Dense features are solved in as many unknowns as there are rows or features, whichever are fewer.
Sparse ones are never filled: they are centered inside the products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg

from emb_pipeline.tasks.probes.regression import Features, LinearCoefficients, Regression


@dataclass(frozen=True)
class RidgeCoefficients(LinearCoefficients):
    """Of one number: weights of shape (n_features, 1) and intercepts of shape (1,), float64."""

    def predict(self, features: Features) -> np.ndarray:
        """Predict the number of each row: shape (n_rows, 1), float64."""
        return self.scores(features)


class RidgeRegression(Regression[RidgeCoefficients]):
    """Fits for a path of penalties on the same data.

    Parameters
    ----------
    features : ndarray or csr_array of shape (n_samples, n_features)
        The training rows.
    targets : ndarray of shape (n_samples,)
        Their numbers.
    """

    def __init__(self, features: Features, targets: np.ndarray) -> None:
        self._mean = np.asarray(features.mean(axis=0, dtype=np.float64)).ravel()
        self._target_mean = float(targets.mean())
        centered = targets - self._target_mean
        self._solver: _Exact | _ByGradients = (
            _ByGradients(sp.csr_array(features).astype(np.float64), self._mean, centered)
            if sp.issparse(features)
            else _Exact(features - self._mean, centered)
        )
        self.converged = True

    def fit(self, c: float, *, tolerance: float = 1e-5, max_iterations: int = 1_000) -> RidgeCoefficients:
        """Fit the coefficients for one C.

        Parameters
        ----------
        c : float
            Inverse strength of the penalty, ``1 / alpha`` of scikit-learn.
        tolerance : float
            Of sparse features: stop where the residual of the equations has this part of its first length.
        max_iterations : int
            Of sparse features: stop there in any case; ``converged`` tells.
        """
        weights, self.converged = self._solver.solve(1.0 / c, tolerance, max_iterations)
        return RidgeCoefficients(weights[:, None], np.array([self._target_mean - self._mean @ weights]))


class _Exact:
    """Solves for dense centered features, by the smaller of the two matrices of inner products."""

    def __init__(self, features: np.ndarray, targets: np.ndarray) -> None:
        self._features, self._targets = features, targets
        self._of_rows = features.shape[0] < features.shape[1]
        self._products = features @ features.T if self._of_rows else features.T @ features
        self._right = targets if self._of_rows else features.T @ targets

    def solve(self, alpha: float, tolerance: float, max_iterations: int) -> tuple[np.ndarray, bool]:
        penalized = self._products.copy()
        penalized.flat[:: len(penalized) + 1] += alpha
        found = scipy.linalg.solve(penalized, self._right, assume_a="pos")
        return np.asarray(self._features.T @ found if self._of_rows else found), True


class _ByGradients:
    """Solves for sparse features by conjugate gradients; each fit starts from the one before."""

    def __init__(self, features: sp.csr_array, mean: np.ndarray, targets: np.ndarray) -> None:
        self._features, self._transposed, self._mean = features, sp.csr_array(features.T), mean
        self._right = self._transposed @ targets - mean * targets.sum()
        self._weights = np.zeros(features.shape[1])

    def solve(self, alpha: float, tolerance: float, max_iterations: int) -> tuple[np.ndarray, bool]:
        def multiply(weights: np.ndarray) -> np.ndarray:
            scores = self._features @ weights - self._mean @ weights
            return np.asarray(self._transposed @ scores - self._mean * scores.sum() + alpha * weights)

        size = len(self._weights)
        equations = scipy.sparse.linalg.LinearOperator((size, size), matvec=multiply, dtype=np.float64)
        self._weights, failed = scipy.sparse.linalg.cg(
            equations, self._right, x0=self._weights, rtol=tolerance, atol=0.0, maxiter=max_iterations
        )
        return self._weights, failed == 0
