"""Vectors of users and items, of whatever recommends by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import Recommender, Setting, VectorRecommender, Vectors
from emb_pipeline.storage.matrices import make_matrix_column
from emb_pipeline.tasks.recommendation.evaluate import SpreadRecommender, create_untuned_recommender
from emb_pipeline.tasks.recommendation.options import RecommendationOptions
from emb_pipeline.tasks.recommendation.task import RecommendationTask


@dataclass(frozen=True, eq=False)
class UserItemVectors:
    """Vectors whose dot product is a user's score of an item.

    Attributes
    ----------
    users : ndarray or csr_array of shape (n_users, dim)
        Of all users.
    items : ndarray or csr_array of shape (n_known, dim)
        Of the items that the method knows.
    known : ndarray of shape (n_known,), int64
        Which of all items these are.
    """

    users: Vectors
    items: Vectors
    known: np.ndarray

    @property
    def is_dense(self) -> bool:
        """Tell whether both are dense: what is no history and no count of words."""
        return not (sp.issparse(self.users) or sp.issparse(self.items))

    def to_tables(self, task: RecommendationTask) -> dict[str, pa.Table]:
        """Make the tables ``users`` and ``items``: an id and a vector in each row; users without a history are left out."""
        warm = np.flatnonzero(np.diff(task.testing.learnt.starts))
        sides = {"users": (task.user_ids[warm], self.users[warm]), "items": (task.item_ids[self.known], self.items)}
        return {
            side: pa.table(
                {"id": pa.array(ids.tolist(), pa.string()), "vector": make_matrix_column(np.asarray(rows, dtype=np.float32))}
            )
            for side, (ids, rows) in sides.items()
        }


def fit_vectors(
    task: RecommendationTask, encoder: Any, options: RecommendationOptions, setting: Setting | None
) -> UserItemVectors | None:
    """Fit on all that comes before the test, as the evaluation did, and take the vectors; None where there are none.

    A factorization has a vector of each user and item. For Item2Vec and text embeddings, a user is the mean of what was
    taken. Popularity and mixtures have no vectors, and neither have recommenders of histories (item kNN, EASE): their users
    are one-hot, and a row of their weights is 0 for the item itself, which would tell a probe of training items apart.
    """
    recommender = create_untuned_recommender(task, encoder, options)
    learnt = task.testing.learnt
    chosen = next(iter(recommender.candidates(learnt)))[0] if setting is None else setting
    return find_vectors(recommender.fit(learnt, chosen), len(task.item_ids))


def find_vectors(fitted: Recommender, n_items: int) -> UserItemVectors | None:
    """Find the vectors of a fitted recommender; None where its scores are no dot products."""
    inner = fitted.fitted if isinstance(fitted, SpreadRecommender) else fitted
    known = fitted.warm if isinstance(fitted, SpreadRecommender) else np.arange(n_items)
    return UserItemVectors(inner.users, inner.items, known) if isinstance(inner, VectorRecommender) else None
