"""An exported recommender: items for a user, by the vectors of both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.protocols import Setting, TaskRecommender
from emb_pipeline.embeddings.recommenders.exported import UserItemTables
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.export.answering import EMBEDDING
from emb_pipeline.tasks.export.requests import Rows
from emb_pipeline.tasks.export.vectors import TextVectors
from emb_pipeline.tasks.recommendation.evaluate import create_untuned_recommender
from emb_pipeline.tasks.recommendation.options import RecommendationOptions
from emb_pipeline.tasks.recommendation.task import RecommendationTask
from emb_pipeline.tasks.recommendation.user_item_vectors import find_vectors


@dataclass(frozen=True, eq=False)
class Recommendations:
    """Items for a user.

    Attributes
    ----------
    tables : UserItemTables
        The vectors, and what has been taken.
    """

    answers: ClassVar[str] = "recommendations"
    asked: ClassVar[str] = "user"
    """The column of a request."""
    tables: UserItemTables

    @classmethod
    def fit(
        cls,
        task: RecommendationTask,
        encoder: Any,
        options: RecommendationOptions,
        *,
        seed: int,
        setting: Setting | None = None,
    ) -> Any:
        """Fit on all interactions, those that were tested too; an embedding of texts is exported as one.

        Raises
        ------
        DataError
            The recommender has no vectors of users and items.
        """
        if not isinstance(encoder, TaskRecommender):
            return TextVectors.fit(task, encoder, options, seed=seed)
        recommender, every = create_untuned_recommender(task, encoder, options), task.all_interactions
        with threadpool_limits(1):
            chosen = next(iter(recommender.candidates(every)))[0] if setting is None else setting
            vectors = find_vectors(recommender.fit(every, chosen), len(task.item_ids))
        if vectors is None or not vectors.is_dense:
            raise DataError(task.name, "this recommender has no vectors of users and items", "export another one")
        warm = np.flatnonzero(np.diff(every.starts))
        taken = sp.csr_array(every.matrix)[warm][:, vectors.known]
        taken.sort_indices()
        users, items = (np.asarray(rows, dtype=np.float32) for rows in (vectors.users[warm], vectors.items))
        ids = task.user_ids[warm].tolist(), task.item_ids[vectors.known].tolist()
        return cls(UserItemTables(*ids, users, items, sp.csr_array(taken)))

    def answer(self, users: Any, k: int = 10) -> pd.DataFrame:
        """Recommend ``k`` items to each user, of those that they have not taken.

        Parameters
        ----------
        users : sequence of str, str or DataFrame
            Names of users; a string is one, a table has them in its column ``user``.
        k : int
            Items for each.

        Returns
        -------
        DataFrame of query, rank, item_id, score, known and error
            ``query`` is the position of the user. Of a user without an interaction, and of a row that is no name, there is
            one line: rank 0 and no item, ``known`` false, and the ``error``.
        """
        asked = Rows.of(_write_names(users), self, column=self.asked)
        rows = self.tables.find_users(list(asked.texts))
        known = rows >= 0
        items, scores = self.tables.recommend(rows[known], k)
        places, ranks = np.nonzero(np.isfinite(scores))
        silent = sorted(set(range(len(asked.errors))) - set(asked.places[known][places].tolist()))
        nothing = np.full(len(silent), np.nan)
        found = pd.DataFrame(
            {
                "query": np.concatenate([asked.places[known][places], silent]).astype(np.int64),
                "rank": np.concatenate([ranks + 1, np.zeros(len(silent))]).astype(np.int64),
                "item_id": pd.Series(
                    [self.tables.item_ids[item] for item in items[places, ranks].tolist()] + [None] * len(silent),
                    dtype=object,
                ),
                "score": np.concatenate([scores[places, ranks].astype(np.float64), nothing]),
                "known": np.arange(len(places) + len(silent)) < len(places),
                "error": pd.Series([None] * len(places) + [asked.errors[place] for place in silent], dtype=object),
            }
        )
        return found.sort_values(["query", "rank"], kind="stable", ignore_index=True)

    def write(self, folder: Path) -> None:
        """Write what `answer` needs."""
        write_embedding(self.tables, folder / EMBEDDING)

    @classmethod
    def from_folder(cls, folder: Path) -> Recommendations:
        """Read the vectors of a folder."""
        return cls(read_embedding(folder / EMBEDDING))


def _write_names(users: Any) -> Any:
    """Write names that are whole numbers as texts, in a list of names or a table."""
    if isinstance(users, pd.DataFrame):
        is_plain = list(users.columns).count("user") == 1
        return users.assign(user=[_write_name(user) for user in users["user"]]) if is_plain else users
    if isinstance(users, Iterable) and not isinstance(users, str | bytes | dict):
        return [_write_name(user) for user in users]
    return users


def _write_name(user: Any) -> Any:
    return str(user) if isinstance(user, int | np.integer) and not isinstance(user, bool) else user
