"""Inner loops of the softmax regression: what numpy and scipy need several passes over memory for."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_SUMS_IN_ANY_ORDER = {"reassoc", "nsz", "nnan", "contract"}
"""What lets a compiler sum eight or sixteen numbers at a time."""


@njit(cache=True, fastmath=_SUMS_IN_ANY_ORDER, error_model="numpy")  # type: ignore[untyped-decorator]
def center_scores(scores: np.ndarray, intercepts: np.ndarray, codes: np.ndarray, of_label: np.ndarray) -> None:
    """Add the intercepts to scores, and take each row's largest from it, in place; notes the score of each row's label.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_classes), float32
        Changed in place.
    intercepts : ndarray of shape (n_classes,), float32
        One for each class.
    codes : ndarray of shape (n_rows,), int64
        Labels.
    of_label : ndarray of shape (n_rows,), float32
        Written here.
    """
    n_rows, n_classes = scores.shape
    for row in range(n_rows):
        of_row = scores[row]
        largest = np.float32(-np.inf)
        for code in range(n_classes):
            of_row[code] += intercepts[code]
            largest = max(largest, of_row[code])
        for code in range(n_classes):
            of_row[code] -= largest
        of_label[row] = of_row[codes[row]]


@njit(cache=True, fastmath=_SUMS_IN_ANY_ORDER, error_model="numpy")  # type: ignore[untyped-decorator]
def to_residuals(exponentials: np.ndarray, codes: np.ndarray, of_label: np.ndarray) -> tuple[float, float]:
    """Compute class probabilities less 1 for the label, in place of the exponentials of `center_scores`'s scores.

    Returns
    -------
    tuple of float
        Sum of the rows' log losses, and of the squares of all probabilities.
    """
    n_rows, n_classes = exponentials.shape
    loss, squares = 0.0, 0.0
    for row in range(n_rows):
        of_row = exponentials[row]
        total = np.float32(0)
        for code in range(n_classes):
            total += of_row[code]
        share, of_squares = np.float32(1) / total, np.float32(0)
        for code in range(n_classes):
            of_row[code] *= share
            of_squares += of_row[code] * of_row[code]
        of_row[codes[row]] -= np.float32(1)
        loss += math.log(total) - float(of_label[row])
        squares += float(of_squares)
    return loss, squares


@njit(cache=True, fastmath=_SUMS_IN_ANY_ORDER, error_model="numpy")  # type: ignore[untyped-decorator]
def to_weighted_residuals(
    exponentials: np.ndarray, codes: np.ndarray, of_label: np.ndarray, weights: np.ndarray
) -> tuple[float, float]:
    """Compute `to_residuals`, each row times its weight.

    Returns
    -------
    tuple of float
        Weighted sum of the rows' log losses; and the number of rows less that of ``weight * (1 - Σ p²)``, which stands for
        the squares where a row may count more than once.
    """
    n_rows, n_classes = exponentials.shape
    loss, squares = 0.0, 0.0
    for row in range(n_rows):
        of_row, weight = exponentials[row], weights[row]
        total = np.float32(0)
        for code in range(n_classes):
            total += of_row[code]
        share, of_squares = np.float32(1) / total, np.float32(0)
        for code in range(n_classes):
            of_row[code] *= share
            of_squares += of_row[code] * of_row[code]
            of_row[code] *= weight
        of_row[codes[row]] -= weight
        loss += weight * (math.log(total) - float(of_label[row]))
        squares += 1.0 - weight * (1.0 - float(of_squares))
    return loss, squares


@njit(cache=True, fastmath=_SUMS_IN_ANY_ORDER, error_model="numpy")  # type: ignore[untyped-decorator]
def sparse_product(starts: np.ndarray, columns: np.ndarray, values: np.ndarray, dense: np.ndarray, out: np.ndarray) -> None:
    """Multiply rows in compressed form times a dense matrix of few columns, written to ``out``."""
    n_columns = dense.shape[1]
    for row in range(len(starts) - 1):
        of_row = out[row]
        of_row[:] = 0
        for place in range(starts[row], starts[row + 1]):
            value, other = values[place], dense[columns[place]]
            for column in range(n_columns):
                of_row[column] += value * other[column]
