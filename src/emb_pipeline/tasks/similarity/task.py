"""The scored pairs of a similarity task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.examples.tables import read_optional_column, read_unique_ids, select_columns
from emb_pipeline.text.texts import Texts, take_pairs

PAIRS = pa.schema(
    [*((name, pa.string()) for name in ("pair_id", "text_a", "text_b")), ("score", pa.float64()), ("group", pa.string())]
)


@dataclass(frozen=True, eq=False)
class SimilarityTask:
    """Pairs of texts with a score.

    Attributes
    ----------
    name : str
        Of the task.
    pair_ids : ndarray of shape (n_pairs,), str
        Names of the pairs.
    texts : Texts of length n_texts
        The distinct texts.
    first, second : ndarray of shape (n_pairs,), int
        Which of the texts are the pair's.
    scores : ndarray of shape (n_pairs,), float64
        The similarity that people gave.
    groups : ndarray of shape (n_pairs,), str, optional
        Pairs of one group are resampled together.
    """

    name: str
    pair_ids: np.ndarray
    texts: Texts
    first: np.ndarray
    second: np.ndarray
    scores: np.ndarray
    groups: np.ndarray | None = None

    @property
    def all_texts(self) -> Texts:
        """All texts of the task, which an embedding of its own is fitted on when it is exported."""
        return self.texts

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "similarity") -> SimilarityTask:
        """Build the task of a table ``pairs`` with pair_id, text_a, text_b and score.

        Raises
        ------
        DataError
            A missing column or value, or an id twice.
        """
        table = select_columns(tables, "pairs", PAIRS, name, optional=("group",))
        texts, first, second = take_pairs(tables, "pairs", ("text_a", "text_b"))
        ids = read_unique_ids(table, "pair_id", name)
        scores, groups = table["score"].to_numpy(), read_optional_column(table, "group", name)
        return cls(name, ids, texts, first, second, scores, groups)
