"""The linear layer that is trained on top of an embedding, and stays with it for the task that it was tuned on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Class scores out of vectors.

    Attributes
    ----------
    weights : ndarray of shape (dim, n_classes)
        Of the vectors.
    intercepts : ndarray of shape (n_classes,)
        Added.
    """

    weights: np.ndarray
    intercepts: np.ndarray

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Scores of the classes, or predicted numbers: shape (n_vectors, n_classes), float64."""
        return np.asarray(np.asarray(vectors @ self.weights, dtype=np.float64) + self.intercepts)

    def log_probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Logarithms of the class probabilities: shape (n_vectors, n_classes), float64."""
        scores = self.scores(vectors)
        scores -= scores.max(axis=1, keepdims=True)
        return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))

    def label_log_probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Logarithms of the probability of each label by itself: shape (n_vectors, n_labels), float64."""
        scores = np.asarray(vectors @ self.weights, dtype=np.float64) + self.intercepts
        return np.asarray(-np.logaddexp(0.0, -scores))

    def on_standardized(self, mean: np.ndarray, deviation: np.ndarray) -> LinearHead:
        """The same scores from ``(vectors - mean) / deviation``."""
        return LinearHead(self.weights * deviation[:, None], self.intercepts + mean @ self.weights)

    def on_raw(self, mean: np.ndarray, deviation: np.ndarray) -> LinearHead:
        """The same scores, from vectors, of a head that works on ``(vectors - mean) / deviation``."""
        weights = self.weights / deviation[:, None]
        return LinearHead(weights, self.intercepts - mean @ weights)


def compute_log_odds(log_probabilities: np.ndarray) -> np.ndarray:
    """Compute the log-odds of the most probable class of each row: ``log p - log (1 - p)``.

    Parameters
    ----------
    log_probabilities : ndarray of shape (n_rows, n_classes)
        As `LinearHead.log_probabilities` gives them.

    Returns
    -------
    ndarray of shape (n_rows,), float64
        Exact where p is 1 to within rounding, since ``1 - p`` is the sum of the other classes' probabilities.
    """
    if not len(log_probabilities):
        return np.zeros(0)
    ordered = np.sort(log_probabilities, axis=1)
    return np.asarray(ordered[:, -1] - logsumexp(ordered[:, :-1], axis=1))


def varying_deviations(deviations: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Deviations to divide features by: 1 for a feature that does not vary, but for rounding.

    A feature counts as constant where its deviation is less than a millionth of its mean or of the largest deviation.
    Models have such dimensions: three of all-MiniLM-L6-v2's 384 deviate by 3e-9 and less, the others by .05. Divided by
    that, rounding would weigh as much as any other feature, and fine-tuning's first step would be thousands of deviations.

    Parameters
    ----------
    deviations, mean : ndarray of shape (n_features,)
        Of the features as they are.
    """
    largest = deviations.max(initial=0.0)
    constant = deviations <= 1e-6 * np.maximum(np.abs(mean), largest)
    return np.where(constant, 1.0, deviations)


def class_weights(codes: np.ndarray, n_classes: int, kind: str) -> np.ndarray:
    """Weigh an example of each class: 1, or for ``balanced`` inversely to its class's size (mean 1)."""
    if kind == "none":
        return np.ones(n_classes, dtype=np.float32)
    counts = np.bincount(codes, minlength=n_classes)
    return (len(codes) / (np.count_nonzero(counts) * np.maximum(counts, 1))).astype(np.float32)
