"""Item-based nearest neighbors (Sarwar et al. 2001) on one-hot co-occurrence."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.embeddings.recommenders.options import ItemKnnOptions
from emb_pipeline.storage.free_memory import find_free_memory, require_memory

_LOG = logging.getLogger(__name__)
_PAIRS_PER_BLOCK = 1 << 22
_BYTES_PER_PAIR = 30.0
"""Of a pair of items with common users: ranked, and twice as an entry of a sparse matrix when all neighbors are kept."""


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
        limits = _leave_out_what_does_not_fit(interactions, self.options.neighbors)
        for shrinkage in self.options.shrinkages:
            ranked = _rank_neighbors(interactions, shrinkage, _find_most(limits))
            for neighbors in limits:
                setting = {"shrinkage": shrinkage, "neighbors": neighbors}
                yield setting, ItemKnnRecommender(interactions.confidence, ranked.first(neighbors))

    def fit(self, interactions: Interactions, setting: Setting) -> ItemKnnRecommender:
        """The neighbors of each item."""
        neighbors = setting["neighbors"]
        ranked = _rank_neighbors(interactions, float(setting["shrinkage"] or 0), neighbors)
        return ItemKnnRecommender(interactions.confidence, ranked.first(neighbors))


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


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Similar items of each item, the most similar first; of equal ones the first column.

    Attributes
    ----------
    others : ndarray of shape (n_pairs,), int32
        Similar items, those of one item after those of the other.
    similarities : ndarray of shape (n_pairs,), float32
    starts : ndarray of shape (n_items + 1,), int64
        Where each item's start.
    """

    others: np.ndarray
    similarities: np.ndarray
    starts: np.ndarray

    def first(self, neighbors: float | None) -> sp.csr_array:
        """Similarities to the first few: what an item that was taken gives to those that it is a neighbour of."""
        others, similarities, starts = self.others, self.similarities, self.starts
        n_items, counts = len(starts) - 1, np.diff(starts)
        if neighbors is not None and counts.max(initial=0) > neighbors:
            kept = np.arange(starts[-1]) - np.repeat(starts[:-1], counts) < neighbors
            others, similarities = others[kept], similarities[kept]
            starts = np.concatenate([[0], np.cumsum(np.minimum(counts, int(neighbors)))])
        if starts[-1] <= np.iinfo(np.int32).max:
            starts = starts.astype(np.int32)
        return sp.csc_array((similarities, others, starts), shape=(n_items, n_items)).tocsr()


def _rank_neighbors(interactions: Interactions, shrinkage: float, most: float | None) -> _Ranked:
    """Rank the items that have users in common with each item, some items at a time, and keep the first ``most`` of each."""
    weights = interactions.weights if interactions.weights is not None else np.ones(len(interactions.items))
    counts = np.bincount(interactions.items, weights.astype(np.float64) ** 2, minlength=interactions.n_items)
    parts, lengths = [], []
    for first, common in _count_common_users(interactions):
        rows, others = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr)), common.indices
        kept = (others != first + rows) & (common.data != 0)
        rows, others = rows[kept], others[kept]
        values = common.data[kept] / (np.sqrt(counts[first + rows] * counts[others]) + shrinkage)
        order = np.lexsort((others, -values, rows))
        found = np.bincount(rows, minlength=common.shape[0])
        if most is not None and found.max(initial=0) > most:
            places = np.arange(len(order)) - np.repeat(np.cumsum(found) - found, found)
            order = order[places < most]
        parts.append((others[order].astype(np.int32), values[order].astype(np.float32)))
        lengths.append(found if most is None else np.minimum(found, int(most)))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    others, similarities = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Ranked(others, similarities, starts)


def _count_common_users(interactions: Interactions) -> Iterator[tuple[int, sp.csr_array]]:
    """Count the users that some items have in common with all items: the first of these items, and a row for each."""
    takers = interactions.confidence.T.tocsr()
    for start, end in pairwise(_cut_items(interactions)):
        yield start, sp.csr_array(takers[start:end] @ interactions.confidence)


def _cut_items(interactions: Interactions) -> list[int]:
    """Cut the items where a block has at most so many pairs, or one item."""
    ends = np.cumsum(_bound_pairs(interactions))
    cuts = np.searchsorted(ends, np.arange(_PAIRS_PER_BLOCK, ends[-1], _PAIRS_PER_BLOCK), side="right")
    made: list[int] = np.unique([0, *cuts, interactions.n_items]).tolist()
    return made


def _bound_pairs(interactions: Interactions) -> np.ndarray:
    """Give the most items that each item can have users in common with: shape (n_items,)."""
    taken = np.diff(interactions.starts)
    met = np.bincount(interactions.items, taken[interactions.users], minlength=interactions.n_items)
    return np.minimum(met, interactions.n_items)


def _leave_out_what_does_not_fit(interactions: Interactions, limits: Sequence[int | None]) -> Sequence[int | None]:
    """Leave out "all neighbors" where they may not fit in memory, and something else is to be tried."""
    finite = [each for each in limits if each is not None]
    if len(finite) == len(limits):
        return limits
    needed, free = _BYTES_PER_PAIR * float(_bound_pairs(interactions).sum()), find_free_memory()
    if needed <= free:
        return limits
    if not finite:
        remedy = "give numbers of neighbors in place of null"
        require_memory(f"item_knn with all neighbors of {interactions.n_items:,} items", needed, remedy, free=free)
    _LOG.warning(
        "item_knn: 'neighbors: null' is not tried: all neighbors of %d items may need %.1f GB of memory; %.1f GB are free",
        interactions.n_items,
        needed / 1e9,
        free / 1e9,
    )
    return finite


def _find_most(limits: Sequence[int | None]) -> int | None:
    finite = [each for each in limits if each is not None]
    return max(finite) if len(finite) == len(limits) else None
