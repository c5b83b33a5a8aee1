"""Who took what, in the order of time: what a recommender learns from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True, eq=False)
class Interactions:
    """Pairs of a user and an item, by user, and the oldest first within a user.

    Attributes
    ----------
    users, items : ndarray of shape (n_interactions,), int64
        Numbers of both; no pair occurs twice.
    n_users, n_items : int
        How many there are, with those that have no interaction.
    weights : ndarray of shape (n_interactions,), optional
        How much each interaction counts, for those that learn from it; all alike where there are none.
    """

    users: np.ndarray
    items: np.ndarray
    n_users: int
    n_items: int
    weights: np.ndarray | None = None

    @cached_property
    def starts(self) -> np.ndarray:
        """Where the interactions of each user start: shape (n_users + 1,); the last entry is n_interactions."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.users, minlength=self.n_users))])

    @cached_property
    def matrix(self) -> sp.csr_array:
        """Users as rows of ones, one-hot by item: a csr_array of shape (n_users, n_items), float32."""
        return self.weighted(np.ones(len(self.items), dtype=np.float32))

    @cached_property
    def confidence(self) -> sp.csr_array:
        """The same with the weight of each interaction in place of the ones."""
        return self.matrix if self.weights is None else self.weighted(self.weights)

    @cached_property
    def counts(self) -> np.ndarray:
        """Users of each item: shape (n_items,)."""
        return np.bincount(self.items, minlength=self.n_items)

    def weighted(self, weights: np.ndarray) -> sp.csr_array:
        """The same matrix with a weight for each interaction."""
        matrix = sp.csr_array(
            (weights.astype(np.float32), self.items.astype(np.int32), self.starts.astype(np.int32)),
            shape=(self.n_users, self.n_items),
        )
        matrix.sort_indices()
        return matrix

    def weigh_by_recency(self, half_life: float | None) -> sp.csr_array:
        """The same with a weight that halves with every ``half_life`` interactions since; 1 throughout for None."""
        if half_life is None:
            return self.matrix
        since = self.starts[1:][self.users] - 1 - np.arange(len(self.users))
        return self.weighted(0.5 ** (since / half_life))

    def histories(self) -> list[np.ndarray]:
        """Items of each user that has any, the oldest first."""
        return [part for part in np.split(self.items, self.starts[1:-1]) if len(part)]

    def of_items(self, items: np.ndarray) -> Interactions:
        """Take the interactions with some of the items, which are numbered again in the order given."""
        number = np.full(self.n_items, -1)
        number[items] = np.arange(len(items))
        kept = number[self.items] >= 0
        weights = None if self.weights is None else self.weights[kept]
        return Interactions(self.users[kept], number[self.items[kept]], self.n_users, len(items), weights)
