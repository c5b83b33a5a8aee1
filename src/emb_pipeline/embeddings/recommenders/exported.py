"""Vectors of users and items as files: recommendations without what trained them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.embeddings.export import EXPORT_AGAIN
from emb_pipeline.embeddings.ranking import TieOrder, largest
from emb_pipeline.storage.matrices import make_matrix_column, read_matrix_column
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet

_USERS, _ITEMS = "users.parquet", "items.parquet"


@dataclass(frozen=True, eq=False)
class UserItemTables:
    """Vectors whose dot product is a user's score of an item, and what each user has taken already.

    Attributes
    ----------
    user_ids, item_ids : list of str
        Names.
    users : ndarray of shape (n_users, dim), float32
    items : ndarray of shape (n_items, dim), float32
    taken : csr_array of shape (n_users, n_items)
        Not 0 where a user has taken an item.
    """

    user_ids: list[str]
    item_ids: list[str]
    users: np.ndarray
    items: np.ndarray
    taken: sp.csr_array
    export_format: ClassVar[str] = "user_item_vectors"

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return int(self.items.shape[1])

    def find_users(self, ids: list[str]) -> np.ndarray:
        """Find the rows of users: shape (n_ids,), int64; -1 for one that nothing is known of."""
        return np.array([self._row_of.get(name, -1) for name in ids], dtype=np.int64)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.user_ids)}

    def recommend(self, users: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the ``k`` items with the highest scores among those that each user has not taken.

        Parameters
        ----------
        users : ndarray of shape (n,), int64
            Rows of users.
        k : int
            Items for each.

        Returns
        -------
        items : ndarray of shape (n, min(k, n_items)), int64
            Rows of items, the best first. Equal scores are in an order by a hash of both names.
        scores : ndarray of the same shape, float32
            ``-inf`` where nothing is left.
        """
        scores = np.asarray(self.users[users] @ self.items.T, dtype=np.float32)
        rows, columns = self.taken[users].nonzero()
        scores[rows, columns] = -np.inf
        ties = TieOrder.of([self.user_ids[row] for row in users.tolist()], self.item_ids)
        found = largest(scores, min(k, len(self.item_ids)), ties)
        return found, np.take_along_axis(scores, found, axis=1)

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write a row for each user, and one for each item."""
        taken = [self.taken.indices[start:end] for start, end in zip(self.taken.indptr, self.taken.indptr[1:], strict=False)]
        users = {"id": pa.array(self.user_ids, pa.string()), "vector": make_matrix_column(self.users)}
        items = {"id": pa.array(self.item_ids, pa.string()), "vector": make_matrix_column(self.items)}
        write_parquet(pa.table({**users, "taken": pa.array(taken, pa.list_(pa.int32()))}), folder / _USERS)
        write_parquet(pa.table(items), folder / _ITEMS)
        return {"dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> UserItemTables:
        """Read what `write_state` wrote."""
        users = read_parquet(folder / _USERS, columns=("id", "vector", "taken"), remedy=EXPORT_AGAIN)
        items = read_parquet(folder / _ITEMS, columns=("id", "vector"), remedy=EXPORT_AGAIN)
        taken = users["taken"].combine_chunks()
        indices, pointers = taken.flatten().to_numpy(), taken.offsets.to_numpy()
        shape = (users.num_rows, items.num_rows)
        matrix = sp.csr_array((np.ones(len(indices), dtype=np.float32), indices, pointers - pointers[0]), shape=shape)
        of_users, of_items = (read_matrix_column(table["vector"]) for table in (users, items))
        return cls(users["id"].to_pylist(), items["id"].to_pylist(), of_users, of_items, matrix)
