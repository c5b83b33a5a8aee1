"""Features with mean 0 and variance 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.linear_head import varying_deviations
from emb_pipeline.storage.vector_rows import split_rows
from emb_pipeline.tasks.probes.regression import Features

_ROWS_AT_A_TIME = 1 << 17


@dataclass(frozen=True, eq=False)
class Scaler:
    """Mean and deviation of training rows; None for features that stay as they are.

    Sparse features stay as the embedding made them: centring would fill them, and dividing by the deviation would make the
    rarest terms the largest. TF-IDF rows have length 1 already.
    """

    mean: np.ndarray | None
    deviation: np.ndarray | None

    @classmethod
    def of(cls, features: Features, *, standardize: bool, weights: np.ndarray | None = None) -> Scaler:
        """Find the scaling of these training rows, shape (n_rows, n_features), each counted ``weights`` times (once)."""
        if sp.issparse(features) or not standardize:
            return cls(None, None)
        mean = _compute_mean(features, weights)
        deviation = np.sqrt(_compute_variance(features, mean.astype(np.float32), weights))
        return cls(mean.astype(np.float32), varying_deviations(deviation, mean).astype(np.float32))

    def scale(self, features: Features) -> Features:
        """Scale rows: float32."""
        if self.mean is None:
            return features
        scaled = np.empty(features.shape, dtype=np.float32)
        for rows in split_rows(len(features)):
            scaled[rows] = (features[rows] - self.mean) / self.deviation
        return scaled


def mean_squared_length(features: Features, weights: np.ndarray | None = None) -> float:
    """Compute the mean of the rows' squared lengths, each counted ``weights`` times (once)."""
    if isinstance(features, sp.csr_array):
        squares = np.asarray(features.power(2).sum(axis=1), dtype=np.float64).ravel()
    else:
        squares = np.einsum("ij,ij->i", features, features, dtype=np.float64)
    return float(np.average(squares, weights=weights))


def _compute_variance(features: np.ndarray, mean: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    parts = list(split_rows(len(features), _ROWS_AT_A_TIME))
    if len(parts) == 1 or weights is not None:
        return _compute_mean(np.square(features - mean), weights)
    sums = np.zeros(features.shape[1])
    for rows in parts:
        sums += np.square(features[rows] - mean).sum(axis=0, dtype=np.float64)
    return sums / len(features)


def _compute_mean(rows: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    if weights is None:
        return np.asarray(rows.mean(axis=0, dtype=np.float64))
    shares = (weights / weights.sum()).astype(np.float32)
    return np.asarray(shares @ rows, dtype=np.float64)
