"""Item-based nearest neighbors (Sarwar et al. 2001) on one-hot co-occurrence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.options import ItemKnnOptions


@dataclass(frozen=True)
class ItemKnn:
    """A user's score of an item: the sum of its similarities to what they took.

    The similarity of two items is ``n_ij / (sqrt(n_i n_j) + shrinkage)`` for ``n_ij`` common users: a cosine that is held
    back where few users speak (Bell & Koren 2007). Weights of interactions take the place of ones: ``n_ij`` is the sum of
    their products, ``n_i`` that of their squares.
    """

    options: ItemKnnOptions = field(default_factory=ItemKnnOptions)

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, ItemKnnRecommender]]:
        """One for each shrinkage and number of neighbors."""
        common = _common_users(interactions)
        for shrinkage in self.options.shrinkages:
            ranked = _strongest_first(interactions, common, shrinkage)
            for neighbors in self.options.neighbors:
                setting = {"shrinkage": shrinkage, "neighbors": neighbors}
                yield setting, ItemKnnRecommender(interactions.confidence, ranked.first(neighbors))

    def fit(self, interactions: Interactions, setting: Setting) -> ItemKnnRecommender:
        """The neighbors of each item."""
        ranked = _strongest_first(interactions, _common_users(interactions), float(setting["shrinkage"] or 0))
        return ItemKnnRecommender(interactions.confidence, ranked.first(setting["neighbors"]))


@dataclass(frozen=True, eq=False)
class ItemKnnRecommender:
    """Sparse history times sparse similarities.

    Attributes
    ----------
    histories : csr_array of shape (n_users, n_items)
        Ones where a user took an item, or the weights of that.
    similarities : csr_array of shape (n_items, n_items)
        Row i: what having taken item i adds to the scores of others.
    """

    histories: sp.csr_array
    similarities: sp.csr_array

    @property
    def dim(self) -> int:
        """Numbers of a one-hot history."""
        return int(self.similarities.shape[0])

    @property
    def n_bytes(self) -> int:
        """Memory of the similarities."""
        parts = (self.similarities.data, self.similarities.indices, self.similarities.indptr)
        return int(sum(part.nbytes for part in parts))

    def scores(self, users: np.ndarray) -> np.ndarray:
        """Sums of similarities: shape (n_users, n_items), float32."""
        summed: np.ndarray = (self.histories[users] @ self.similarities).toarray()
        return summed


def _common_users(interactions: Interactions) -> sp.csr_array:
    common = sp.csr_array(interactions.confidence.T @ interactions.confidence)
    common.setdiag(0)
    common.eliminate_zeros()
    return common


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Similar items of each item, the most similar first; of equal ones the first column."""

    items: np.ndarray
    others: np.ndarray
    similarities: np.ndarray
    places: np.ndarray
    n_items: int

    def first(self, neighbors: float | None) -> sp.csr_array:
        """Similarities to the first few: what an item that was taken gives to those that it is a neighbour of."""
        kept = slice(None) if neighbors is None else self.places < neighbors
        entries = (self.similarities[kept], (self.others[kept], self.items[kept]))
        return sp.csr_array(entries, shape=(self.n_items, self.n_items))


def _strongest_first(interactions: Interactions, common: sp.csr_array, shrinkage: float) -> _Ranked:
    weights = interactions.weights if interactions.weights is not None else np.ones(len(interactions.items))
    counts = np.bincount(interactions.items, weights.astype(np.float64) ** 2, minlength=interactions.n_items)
    items = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr))
    values = common.data / (np.sqrt(counts[items] * counts[common.indices]) + shrinkage)
    order = np.lexsort((common.indices, -values, items))
    places = np.arange(len(order)) - common.indptr[items]
    return _Ranked(items, common.indices[order], values[order].astype(np.float32), places, common.shape[0])
