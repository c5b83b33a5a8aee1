"""Recommendation from vectors of users and items whose dot product is the score: what a matrix factorisation leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emb_pipeline.embeddings.extras import require_packages
from emb_pipeline.embeddings.options import Options
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.training.divergence import require_converging


@dataclass(frozen=True, eq=False)
class FactorRecommender:
    """Dot products of users and items.

    Attributes
    ----------
    users : ndarray of shape (n_users, dim), float32
    items : ndarray of shape (n_items, dim), float32
    """

    users: np.ndarray
    items: np.ndarray

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return int(self.items.shape[1])

    @property
    def n_bytes(self) -> int:
        """Memory of the items' vectors."""
        return int(self.items.nbytes)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """Dot products: shape (n_users, n_items), float32."""
        return np.asarray(self.users[users] @ self.items.T)


def fit_factors(model: Any, interactions: Interactions) -> FactorRecommender:
    """Fit a model of ``implicit``; their weights are its confidences, which BPR does not look at."""
    from scipy.sparse import csr_matrix

    model.fit(csr_matrix(interactions.confidence), show_progress=False)
    users, items = np.asarray(model.user_factors), np.asarray(model.item_factors)
    remedy = f"raise regularizations (now {model.regularization:g})"
    if hasattr(model, "learning_rate"):
        remedy = f"lower learning_rates (now {model.learning_rate:g})"
    require_converging(type(model).__name__, f"{model.iterations} iterations", 0.0, remedy, (users, items))
    return FactorRecommender(users, items)


def require_implicit(options: Options) -> None:
    """Refuse a method of the library ``implicit`` where it is not installed.

    Raises
    ------
    DataError
        It is not.
    """
    require_packages("als, bpr", "implicit")
