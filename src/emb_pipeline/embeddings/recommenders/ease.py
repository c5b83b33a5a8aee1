"""EASE (Steck 2019): a linear model that predicts each item of a user from all others, in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.options import EaseOptions


@dataclass(frozen=True)
class Ease:
    """Weights B that minimise ``|X - XB|² + regularization |B|²`` with a diagonal of zeros.

    X holds ones, or the weights of interactions. With ``P = (XᵀX + regularization I)⁻¹`` they are ``B_ij = -P_ij / P_jj``
    off the diagonal [1]_.

    References
    ----------
    .. [1] Steck (2019), Embarrassingly shallow autoencoders for sparse data, WWW.
    """

    options: EaseOptions = field(default_factory=EaseOptions)

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, EaseRecommender]]:
        """One for each regularization."""
        for regularization in self.options.regularizations:
            setting = {"regularisation": regularization}
            yield setting, self.fit(interactions, setting)

    def fit(self, interactions: Interactions, setting: Setting) -> EaseRecommender:
        """The weights; memory grows with the square of the number of items."""
        gram = (interactions.confidence.T @ interactions.confidence).toarray().astype(np.float64)
        return EaseRecommender(interactions.confidence, solve_ease(gram, float(setting["regularisation"] or 0)))


def solve_ease(gram: np.ndarray, regularization: float) -> np.ndarray:
    """Compute the weights from the sums of products of columns: shape (n_columns, n_columns), float32."""
    inverse = np.linalg.inv(gram + regularization * np.eye(len(gram)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    made: np.ndarray = weights.astype(np.float32)
    return made


@dataclass(frozen=True, eq=False)
class EaseRecommender:
    """History times weights.

    Attributes
    ----------
    histories : csr_array of shape (n_users, n_items)
        Ones where a user took an item, or the weights of that.
    weights : ndarray of shape (n_items, n_items), float32
        Row i: what having taken item i adds to the scores of others.
    """

    histories: sp.csr_array
    weights: np.ndarray

    @property
    def dim(self) -> int:
        """Numbers of a one-hot history."""
        return int(self.weights.shape[0])

    @property
    def n_bytes(self) -> int:
        """Memory of the weights."""
        return int(self.weights.nbytes)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """Predictions: shape (n_users, n_items), float32."""
        return np.asarray(self.histories[users] @ self.weights)
