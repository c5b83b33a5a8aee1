"""Item-based nearest neighbours (Sarwar et al. 2001) on one-hot co-occurrence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.encoders import Setting
from emb_pipeline.embeddings.interactions import Interactions
from emb_pipeline.embeddings.options import ItemKnnOptions


@dataclass(frozen=True)
class ItemKnn:
    """A user's score of an item: the sum of its similarities to what they took.

    The similarity of two items is ``n_ij / (sqrt(n_i n_j) + shrinkage)`` for ``n_ij`` common users: a cosine that is held
    back where few users speak (Bell & Koren 2007).
    """

    options: ItemKnnOptions = field(default_factory=ItemKnnOptions)

    def candidates(self, interactions: Interactions) -> Iterator[tuple[Setting, ItemKnnRecommender]]:
        """One for each shrinkage and number of neighbours."""
        common = _common_users(interactions)
        for shrinkage, neighbours in product(self.options.shrinkages, self.options.neighbours):
            setting = {"shrinkage": shrinkage, "neighbours": neighbours}
            yield setting, _fitted(interactions, common, setting)

    def fit(self, interactions: Interactions, setting: Setting) -> ItemKnnRecommender:
        """The neighbours of each item."""
        return _fitted(interactions, _common_users(interactions), setting)


@dataclass(frozen=True, eq=False)
class ItemKnnRecommender:
    """Sparse history times sparse similarities.

    Attributes
    ----------
    histories : csr_array of shape (n_users, n_items)
        Ones where a user took an item.
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
    common = sp.csr_array(interactions.matrix.T @ interactions.matrix)
    common.setdiag(0)
    common.eliminate_zeros()
    return common


def _fitted(interactions: Interactions, common: sp.csr_array, setting: Setting) -> ItemKnnRecommender:
    shrinkage, neighbours = float(setting["shrinkage"] or 0), setting["neighbours"]
    counts = interactions.counts.astype(np.float64)
    rows = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr))
    values = common.data / (np.sqrt(counts[rows] * counts[common.indices]) + shrinkage)
    similarities = sp.csr_array((values.astype(np.float32), common.indices, common.indptr), shape=common.shape)
    if neighbours is not None:
        similarities = _strongest(similarities, int(neighbours))
    return ItemKnnRecommender(interactions.matrix, sp.csr_array(similarities.T))


def _strongest(matrix: sp.csr_array, k: int) -> sp.csr_array:
    """The k largest entries of each row; of equal ones the first columns."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    place = np.arange(len(order)) - matrix.indptr[rows]
    kept = order[place < k]
    return sp.csr_array((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)
