"""The labeled pairs of a pair classification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.examples.tables import read_optional_column, read_unique_ids, select_columns
from emb_pipeline.text.texts import Texts, take_pairs

PAIRS = pa.schema(
    [
        *((name, pa.string()) for name in ("pair_id", "text_a", "text_b")),
        ("is_positive", pa.bool_()),
        *((name, pa.string()) for name in ("split", "group")),  # these may lack
    ]
)


@dataclass(frozen=True, eq=False)
class PairClassificationTask:
    """Pairs of texts that mean the same, or do not.

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
    codes : ndarray of shape (n_pairs,), int64
        1 for a positive pair, else 0.
    split : ndarray of shape (n_pairs,), str, or None
        ``train``, ``validation`` or ``test`` where the task has an official split.
    groups : ndarray of shape (n_pairs,), str, optional
        Pairs of one group stay in one fold, and are resampled together.
    """

    name: str
    pair_ids: np.ndarray
    texts: Texts
    first: np.ndarray
    second: np.ndarray
    codes: np.ndarray
    split: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def example_ids(self) -> np.ndarray:
        """The names of the pairs, as folds call them."""
        return self.pair_ids

    @property
    def near_groups(self) -> None:
        """Clusters of near-duplicates are not looked for."""

    @property
    def all_texts(self) -> Texts:
        """All texts of the task, which an embedding of its own is fitted on."""
        return self.texts

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "pair_classification") -> PairClassificationTask:
        """Build the task of a table ``pairs`` with pair_id, text_a, text_b, is_positive and (perhaps) split and group.

        Raises
        ------
        DataError
            A missing column or value, or an id twice.
        """
        table = select_columns(tables, "pairs", PAIRS, name, optional=("split", "group"))
        texts, first, second = take_pairs(tables, "pairs", ("text_a", "text_b"))
        codes = np.array(table["is_positive"].to_pylist(), dtype=np.int64)
        split, groups = (read_optional_column(table, column, name) for column in ("split", "group"))
        return cls(name, read_unique_ids(table, "pair_id", name), texts, first, second, codes, split, groups)
