"""The labeled pairs of a pair classification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.examples.tables import read_optional_column
from emb_pipeline.tasks.pairs.table import GROUP, build_pairs_schema
from emb_pipeline.tasks.pairs.task import PairTask, select_pairs

PAIRS = build_pairs_schema(pa.field("is_positive", pa.bool_()), pa.field("split", pa.string()), GROUP)


@dataclass(frozen=True, eq=False)
class PairClassificationTask(PairTask):
    """Pairs of texts that mean the same, or do not.

    Attributes
    ----------
    name, pair_ids, texts, first, second
        See `PairTask`.
    codes : ndarray of shape (n_pairs,), int64
        1 for a positive pair, else 0.
    split : ndarray of shape (n_pairs,), str, or None
        ``train``, ``validation`` or ``test`` where the task has an official split.
    groups : ndarray of shape (n_pairs,), str, optional
        Pairs of one group stay in one fold, and are resampled together.
    """

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

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "pair_classification") -> PairClassificationTask:
        """Build the task of a table ``pairs`` with pair_id, text_a, text_b, is_positive and (perhaps) split and group.

        Raises
        ------
        DataError
            A missing column or value, or an id twice.
        """
        found = select_pairs(tables, PAIRS, name, optional=("split", "group"))
        codes = np.array(found.table["is_positive"].to_pylist(), dtype=np.int64)
        split, groups = (read_optional_column(found.table, column, name) for column in ("split", "group"))
        return cls(name, *found.pairs, codes, split, groups)
