"""L2-regularised logistic regressions of many labels on the same rows, one against the rest, fitted side by side.

The models and their C are those of scikit-learn's ``OneVsRestClassifier(LogisticRegression(C))``: of each label the sum of
the log losses, plus ``|w|² / 2C``. The labels share the products with the features, which is most of the work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from emb_pipeline.tasks.probes.regression import Features, Fit, LinearCoefficients, PenalizedRegression


@dataclass(frozen=True)
class LabelCoefficients(LinearCoefficients):
    """Of one logistic regression for each label."""

    def predict(self, features: Features) -> np.ndarray:
        """Compute logarithms of the labels' probabilities: shape (n_rows, n_labels), float64."""
        return np.asarray(-np.logaddexp(0.0, -self.scores(features)))


class OneVsRestRegression(PenalizedRegression[LabelCoefficients]):
    """Logistic regressions of many labels for a path of penalties.

    Parameters
    ----------
    features : ndarray or csr_array of shape (n_samples, n_axes), float32
        In the axes of `emb_pipeline.tasks.probes.softmax.axes_of` for speed; the solution is right in any.
    targets : ndarray of shape (n_samples, n_labels), bool
        The labels of each row; labels that no row has, or every one, are allowed.
    start : LabelCoefficients, optional
        Where the first fit starts; else from the frequencies of the labels.
    """

    def __init__(self, features: Features, targets: np.ndarray, start: LabelCoefficients | None = None) -> None:
        self._targets = np.ascontiguousarray(targets, dtype=np.bool_)
        if start is None:
            n, n_labels = targets.shape
            shares = (targets.sum(axis=0) + 0.5) / (n + 1)
            weights = np.zeros((features.shape[1], n_labels), dtype=np.float32)
            start = LabelCoefficients(weights, np.log(shares / (1 - shares)).astype(np.float32))
        super().__init__(features, start)

    def _evaluate_fit(self, coefficients: LabelCoefficients) -> Fit[LabelCoefficients]:
        scores = self._multiply(coefficients.weights)
        n, n_labels = scores.shape
        losses, curvatures = np.zeros(n_labels), np.zeros(n_labels)
        to_label_residuals(scores, coefficients.intercepts, self._targets, losses, curvatures)
        gradient = self._multiply_transposed(scores)
        return Fit(coefficients, float(losses.sum()) / n, curvatures / n, gradient, self._ones @ scores)


@njit(cache=True, fastmath={"reassoc", "nsz", "nnan", "contract"}, error_model="numpy")  # type: ignore[untyped-decorator]
def to_label_residuals(
    scores: np.ndarray, intercepts: np.ndarray, targets: np.ndarray, losses: np.ndarray, curvatures: np.ndarray
) -> None:
    """Compute probabilities of the labels, less 1 where a row has the label, in place of scores without intercepts.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels), float32
        Changed in place.
    intercepts : ndarray of shape (n_labels,), float32
        Added to the scores.
    targets : ndarray of shape (n_rows, n_labels), bool
        The labels of each row.
    losses, curvatures : ndarray of shape (n_labels,), float64
        Sums over rows of the log loss, and of p(1 - p), are added here.
    """
    n_rows, n_labels = scores.shape
    for row in range(n_rows):
        for label in range(n_labels):
            score = scores[row, label] + intercepts[label]
            small = math.exp(-abs(score))
            share = np.float32(1) / (np.float32(1) + small)
            probability = share if score >= 0 else np.float32(1) - share
            is_target = targets[row, label]
            losses[label] += math.log1p(small) + max(score, np.float32(0)) - (score if is_target else np.float32(0))
            curvatures[label] += probability * (np.float32(1) - probability)
            scores[row, label] = probability - (np.float32(1) if is_target else np.float32(0))
