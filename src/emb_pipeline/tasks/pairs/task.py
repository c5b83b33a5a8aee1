"""The pairs of a task, with their distinct texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.examples.tables import read_unique_ids, select_columns
from emb_pipeline.tasks.pairs.table import TEXTS
from emb_pipeline.text.texts import Texts, take_pairs


@dataclass(frozen=True, eq=False)
class PairTask:
    """Pairs of texts that something is asked of: a subclass for each kind.

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
    """

    name: str
    pair_ids: np.ndarray
    texts: Texts
    first: np.ndarray
    second: np.ndarray

    @property
    def all_texts(self) -> Texts:
        """All texts of the task, which an embedding of its own is fitted on when it is exported."""
        return self.texts


@dataclass(frozen=True, eq=False)
class PairColumns:
    """The table of a task's pairs.

    Attributes
    ----------
    table : Table
        Its columns.
    pairs : tuple
        The fields of a `PairTask`, in their order, after the name.
    """

    table: pa.Table
    pairs: tuple[np.ndarray, Texts, np.ndarray, np.ndarray]


def select_pairs(tables: Mapping[str, pa.Table], schema: pa.Schema, name: str, optional: tuple[str, ...]) -> PairColumns:
    """Select the columns of a table ``pairs``, and its distinct texts.

    Raises
    ------
    DataError
        A missing column or value, or an id twice.
    """
    table = select_columns(tables, "pairs", schema, name, optional=optional)
    texts, first, second = take_pairs(tables, "pairs", TEXTS)
    return PairColumns(table, (read_unique_ids(table, "pair_id", name), texts, first, second))
