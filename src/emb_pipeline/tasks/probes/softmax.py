"""L2-regularised multinomial logistic regression for a path of penalties, fast on one core.

The model and its C are scikit-learn's: the sum of the log losses, plus ``|W|² / 2C``, intercepts unpenalised. Three
things make it some hundred times faster there for text, none of which changes the solution:

* features are expressed in other orthonormal axes (`axes_of`). The penalty is a length, so it does not change; the best
  weights are in the span of the training rows, so no more axes than rows are needed, and of sparse columns those that are
  in one row together are one;
* L-BFGS runs in variables scaled by the curvature of each axis, a diagonal that is nearly the whole Hessian in
  principal axes, and starts from the solution for the previous C;
* products are float32, sums of losses float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from emb_pipeline.tasks.probes.regression import Features, Fit, LinearCoefficients, PenalizedRegression
from emb_pipeline.tasks.probes.softmax_kernels import center_scores, to_residuals, to_weighted_residuals


class Axes(Protocol):
    """An orthonormal system that spans the training rows."""

    def rotate(self, features: Features) -> Features:
        """Compute coordinates of the rows of ``features``: shape (n_rows, n_axes), float32."""
        ...


@dataclass(frozen=True)
class Coefficients(LinearCoefficients):
    """Of a softmax regression."""

    def predict(self, features: Features) -> np.ndarray:
        """Compute logarithms of the class probabilities: shape (n_rows, n_classes), float64."""
        scores = self.scores(features)
        scores -= scores.max(axis=1, keepdims=True)
        return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))


class SoftmaxRegression(PenalizedRegression[Coefficients]):
    """Softmax regression for a path of penalties.

    Parameters
    ----------
    features : ndarray or csr_array of shape (n_samples, n_axes), float32
        In the axes of `axes_of` for speed; the solution is right in any.
    codes : ndarray of shape (n_samples,), int
        Class codes; classes without a sample are allowed.
    n_classes : int
        Classes.
    start : Coefficients, optional
        Where the first fit starts; else from the class frequencies.
    weights : ndarray of shape (n_samples,), optional
        How often each row counts, as scikit-learn's ``sample_weight``; once by default.
    """

    def __init__(
        self,
        features: Features,
        codes: np.ndarray,
        n_classes: int,
        start: Coefficients | None = None,
        weights: np.ndarray | None = None,
    ) -> None:
        self._codes = codes.astype(np.int64)
        self._weights = None if weights is None else np.ascontiguousarray(weights, dtype=np.float32)
        if start is None:
            counts = np.bincount(codes, weights=weights, minlength=n_classes) + 0.5
            nothing = np.zeros((features.shape[1], n_classes), dtype=np.float32)
            start = Coefficients(nothing, np.log(counts / counts.sum()).astype(np.float32))
        super().__init__(features, start)

    def _evaluate_fit(self, coefficients: Coefficients) -> Fit[Coefficients]:
        scores = self._multiply(coefficients.weights)
        of_label = np.empty(len(scores), dtype=np.float32)
        center_scores(scores, coefficients.intercepts, self._codes, of_label)
        np.exp(scores, out=scores)
        if self._weights is None:
            loss, squares = to_residuals(scores, self._codes, of_label)
        else:
            loss, squares = to_weighted_residuals(scores, self._codes, of_label, self._weights)
        n = len(scores)
        curvature = (n - squares) / scores.size
        return Fit(coefficients, loss / n, curvature, self._multiply_transposed(scores), self._ones @ scores)


class OwnAxes:
    """The features' own axes, where others would not make fits faster."""

    def rotate(self, features: Features) -> Features:
        """Leave the rows as they are."""
        return features


def axes_of(features: Features) -> Axes:
    """Find the axes for these training rows: principal ones where they are cheap, else fewer columns.

    Parameters
    ----------
    features : ndarray or csr_array of shape (n_samples, n_features), float32
        The training rows.

    Returns
    -------
    Axes
        Principal axes for dense features. Sparse ones stay sparse (``benchmarks/probe_speed.py``), but columns that occur in
        one and the same row alone become one.
    """
    n_samples, n_features = features.shape
    if sp.issparse(features):
        return _MergedColumns(features)
    return _PrincipalAxes(features) if n_features <= n_samples else _PrincipalAxesOfRows(features)


def fit_once(features: Features, codes: np.ndarray, c: float = 1.0) -> Coefficients:
    """Fit with one C, in axes of the features' own: what a probe costs without the choice of C."""
    rotated = axes_of(features).rotate(features)
    return SoftmaxRegression(rotated, codes, int(codes.max()) + 1).fit(c)


class _PrincipalAxes:
    """Eigenvectors of the features' second moments: no more axes than features."""

    def __init__(self, features: np.ndarray) -> None:
        values, vectors = scipy.linalg.eigh((features.T @ features).astype(np.float64))
        self._basis = np.ascontiguousarray(vectors[:, _is_positive(values)], dtype=np.float32)

    def rotate(self, features: Features) -> Features:
        return np.asarray(features @ self._basis)


class _PrincipalAxesOfRows:
    """The same axes by way of the rows' inner products: no more axes than rows, whatever the number of features."""

    def __init__(self, features: Features) -> None:
        self._features = features
        values, vectors = scipy.linalg.eigh(_make_dense(features @ features.T), driver="evd", overwrite_a=True)
        positive = _is_positive(values)
        self._basis = (vectors[:, positive] / np.sqrt(values[positive])).astype(np.float32)

    def rotate(self, features: Features) -> Features:
        return np.asarray(_make_dense(features @ self._features.T) @ self._basis)


class _MergedColumns:
    """Columns that are in one row alone, and in the same row, are one direction: most 2-grams are such columns."""

    def __init__(self, features: sp.csr_array) -> None:
        n_samples, n_features = features.shape
        rows = np.repeat(np.arange(n_samples), np.diff(features.indptr))
        frequency = np.bincount(features.indices, minlength=n_features)
        shared = np.flatnonzero(frequency > 1)
        lone = frequency[features.indices] == 1
        lengths = np.sqrt(np.bincount(rows[lone], weights=features.data[lone].astype(np.float64) ** 2, minlength=n_samples))
        owners = np.flatnonzero(lengths)
        axis_of_row = np.full(n_samples, -1)
        axis_of_row[owners] = len(shared) + np.arange(len(owners))
        kept = lone & (lengths[rows] > 0)
        values = np.concatenate([np.ones(len(shared)), features.data[kept] / lengths[rows[kept]]]).astype(np.float32)
        from_columns = np.concatenate([shared, features.indices[kept]])
        to_axes = np.concatenate([np.arange(len(shared)), axis_of_row[rows[kept]]])
        self._basis = sp.csr_array((values, (from_columns, to_axes)), shape=(n_features, len(shared) + len(owners)))

    def rotate(self, features: Features) -> Features:
        rotated = sp.csr_array(features @ self._basis)
        if rotated.nnz < np.iinfo(np.int32).max:  # half of the way from memory, where the texts' counts have int64
            rotated.indices, rotated.indptr = rotated.indices.astype(np.int32), rotated.indptr.astype(np.int32)
        return rotated


def _make_dense(product: Features) -> np.ndarray:
    return sp.csr_array(product).toarray() if sp.issparse(product) else np.asarray(product)


def _is_positive(eigenvalues: np.ndarray) -> np.ndarray:
    """Find the directions that float32 tells from rounding."""
    return eigenvalues > 3e-6 * max(float(eigenvalues[-1]), 1e-30)
