"""Features with mean 0 and variance 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.linear_head import varying_deviations
from emb_pipeline.tasks.probes.regression import Features


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
        deviation = np.sqrt(_compute_mean(np.square(features - mean.astype(np.float32)), weights))
        return cls(mean.astype(np.float32), varying_deviations(deviation, mean).astype(np.float32))

    def scale(self, features: Features) -> Features:
        """Scale rows: float32."""
        if self.mean is None:
            return features
        return np.asarray((features - self.mean) / self.deviation, dtype=np.float32)


def mean_squared_length(features: Features, weights: np.ndarray | None = None) -> float:
    """Compute the mean of the rows' squared lengths, each counted ``weights`` times (once)."""
    if isinstance(features, sp.csr_array):
        squares = np.asarray(features.power(2).sum(axis=1), dtype=np.float64).ravel()
    else:
        squares = np.einsum("ij,ij->i", features, features, dtype=np.float64)
    return float(np.average(squares, weights=weights))


def _compute_mean(rows: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    if weights is None:
        return np.asarray(rows.mean(axis=0, dtype=np.float64))
    shares = (weights / weights.sum()).astype(np.float32)
    return np.asarray(shares @ rows, dtype=np.float64)
