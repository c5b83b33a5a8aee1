"""The users, items and interactions of a recommendation task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.embeddings.ranking import TieOrder
from emb_pipeline.embeddings.recommenders.interactions import Interactions
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.recommendation.attributes import Attributes
from emb_pipeline.text.texts import Texts, take_texts


@dataclass(frozen=True, eq=False)
class RecommendationTask:
    """Users, items, and who took what.

    Attributes
    ----------
    name : str
        Of the task.
    user_ids, item_ids : ndarray of str
        Names of the users and of the items; all items are ranked.
    texts : Texts of length n_items, or None
        What is said of each item.
    users, items : ndarray of shape (n_interactions,), int64
        Interactions, by user and the oldest first.
    split : ndarray of shape (n_interactions,), str
        ``train``, ``validation`` or ``test``.
    is_cold : ndarray of shape (n_items,), bool
        Items that nothing is learnt from but their text.
    weights : ndarray of shape (n_interactions,), optional
        How much each interaction counts: plays, minutes.
    user_attributes, item_attributes : Attributes, optional
        What is known of each user and item besides.
    """

    name: str
    user_ids: np.ndarray
    item_ids: np.ndarray
    texts: Texts | None
    users: np.ndarray
    items: np.ndarray
    split: np.ndarray
    is_cold: np.ndarray
    weights: np.ndarray | None = None
    user_attributes: Attributes | None = None
    item_attributes: Attributes | None = None

    @property
    def all_texts(self) -> Texts:
        """All texts of the task, which an embedding of its own is fitted on when it is exported."""
        return Texts([]) if self.texts is None else self.texts

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "recommendation") -> RecommendationTask:
        """Build the task of tables ``interactions`` and ``items``; see `reader.read_interactions`.

        Raises
        ------
        DataError
            An interaction with an unknown item.
        """
        interactions, items = tables["interactions"], tables["items"]
        item_ids = np.array(items["item_id"].to_pylist(), dtype=str)
        user_ids, users = np.unique(np.array(interactions["user_id"].to_pylist(), dtype=str), return_inverse=True)
        number = {item: position for position, item in enumerate(item_ids.tolist())}
        taken = interactions["item_id"].to_pylist()
        for row, item in enumerate(taken, 1):
            if item not in number:
                raise DataError(f"{name}.interactions, row {row}", f"item {item!r} is unknown", "add it to the items")
        order = np.lexsort((interactions["timestamp"].to_numpy(), users))
        return cls(
            name,
            user_ids,
            item_ids,
            take_texts(tables, "items") if not items["text"].null_count else None,
            users[order],
            np.array([number[item] for item in taken], dtype=np.int64)[order],
            np.array(interactions["split"].to_pylist(), dtype=str)[order],
            items["n_train"].to_numpy() == 0,
            interactions["weight"].to_numpy()[order] if "weight" in interactions.column_names else None,
            *(_find_attributes(tables, side, ids) for side, ids in (("user", user_ids), ("item", item_ids))),
        )

    @cached_property
    def tuning(self) -> Phase:
        """Learnt from: train; asked for: validation."""
        return self._build_phase(self.split == "train", self.split == "validation")

    @cached_property
    def testing(self) -> Phase:
        """Learnt from: train and validation; asked for: test."""
        return self._build_phase(self.split != "test", self.split == "test")

    @cached_property
    def all_interactions(self) -> Interactions:
        """All interactions, which an exported recommender is fitted on."""
        return self._select_interactions(np.ones(len(self.users), dtype=bool))

    def _build_phase(self, known: np.ndarray, wanted: np.ndarray) -> Phase:
        learnt = known & ~self.is_cold[self.items]
        matrices = self._select_interactions(known).matrix, self._select_interactions(wanted).matrix
        return Phase(self._select_interactions(learnt), *matrices, self._ties, self._has_new_users)

    @cached_property
    def _has_new_users(self) -> bool:
        is_test = self.split == "test"
        return not len(np.intersect1d(self.users[is_test], self.users[~is_test]))

    @cached_property
    def _ties(self) -> TieOrder:
        return TieOrder.of(self.user_ids.tolist(), self.item_ids.tolist())

    def _select_interactions(self, rows: np.ndarray) -> Interactions:
        weights = None if self.weights is None else self.weights[rows]
        return Interactions(self.users[rows], self.items[rows], len(self.user_ids), len(self.item_ids), weights)


def _find_attributes(tables: Mapping[str, pa.Table], side: str, ids: np.ndarray) -> Attributes | None:
    return Attributes.from_table(tables["attributes"], side, ids.tolist()) if "attributes" in tables else None


@dataclass(frozen=True, eq=False)
class Phase:
    """Interactions that are known when recommendations are made, and those that follow.

    Attributes
    ----------
    learnt : Interactions
        What a recommender is fitted on.
    known : csr_array of shape (n_users, n_items)
        Not 0 for what a user has taken, cold items too: it is not recommended again.
    wanted : csr_array of shape (n_users, n_items)
        Not 0 for what the user takes afterwards.
    ties : TieOrder
        The order of items that a user has equal scores of, by a hash of both ids.
    has_new_users : bool
        Whether those who take something afterwards are users without a history.
    """

    learnt: Interactions
    known: sp.csr_array
    wanted: sp.csr_array
    ties: TieOrder
    has_new_users: bool = False

    @cached_property
    def users(self) -> np.ndarray:
        """Users with a history that take something afterwards; new users, where these are asked for."""
        has_history = np.diff(self.learnt.starts) > 0
        return np.flatnonzero((np.diff(self.wanted.indptr) > 0) & (has_history != self.has_new_users))
