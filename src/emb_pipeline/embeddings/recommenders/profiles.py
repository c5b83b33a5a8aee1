"""Recommendation from vectors of items: a user is the recency-weighted mean of what they took; cosines are the scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from sklearn.preprocessing import normalize

from emb_pipeline.embeddings.protocols import Setting, Vectors
from emb_pipeline.embeddings.recommenders.interactions import Interactions

DECIMALS = 6
"""Cosines are compared to this precision: what is below is rounding of float32 sums, and would break ties by chance."""


@dataclass(frozen=True, eq=False)
class Profiles:
    """Users as means of the vectors of their items.

    Attributes
    ----------
    vectors : ndarray or csr_array of shape (n_items, dim), float32
        One vector per item; they are brought to unit length.
    half_lives : sequence of float or None
        Interactions after which a weight has halved, to choose among; None: all count alike.
    """

    vectors: Vectors
    half_lives: Sequence[float | None]

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, ProfileRecommender]]:
        """One for each half-life."""
        for half_life in self.half_lives:
            setting = {"half_life": half_life}
            yield setting, self.fit(interactions, setting)

    def fit(self, interactions: Interactions, setting: Setting) -> ProfileRecommender:
        """The users' vectors for one half-life."""
        items = normalize(self.vectors)
        users = interactions.weigh_by_recency(setting["half_life"]) @ items
        return ProfileRecommender(normalize(users), items)


@dataclass(frozen=True, eq=False)
class ProfileRecommender:
    """Cosines of users and items, in one matrix product.

    Attributes
    ----------
    users : ndarray or csr_array of shape (n_users, dim)
        Of unit length, or zeros.
    items : ndarray or csr_array of shape (n_items, dim)
        The same.
    """

    users: Vectors
    items: Vectors

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return int(self.items.shape[1])

    @property
    def n_bytes(self) -> int:
        """Memory of the items' vectors."""
        if sp.issparse(self.items):
            return int(self.items.data.nbytes + self.items.indices.nbytes + self.items.indptr.nbytes)
        return int(self.items.nbytes)

    def scores(self, users: np.ndarray) -> np.ndarray:
        """Cosines: shape (n_users, n_items), float32."""
        product = self.users[users] @ self._transpose
        cosines = product.toarray() if sp.issparse(product) else np.asarray(product)
        rounded: np.ndarray = np.round(cosines, DECIMALS)
        return rounded

    @cached_property
    def _transpose(self) -> Vectors:
        return self.items.T.tocsr() if sp.issparse(self.items) else self.items.T
