"""The scored pairs of a similarity task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.examples.tables import read_optional_column
from emb_pipeline.tasks.pairs.table import GROUP, build_pairs_schema
from emb_pipeline.tasks.pairs.task import PairTask, select_pairs

PAIRS = build_pairs_schema(pa.field("score", pa.float64()), GROUP)


@dataclass(frozen=True, eq=False)
class SimilarityTask(PairTask):
    """Pairs of texts with a score.

    Attributes
    ----------
    name, pair_ids, texts, first, second
        See `PairTask`.
    scores : ndarray of shape (n_pairs,), float64
        The similarity that people gave.
    groups : ndarray of shape (n_pairs,), str, optional
        Pairs of one group are resampled together.
    """

    scores: np.ndarray
    groups: np.ndarray | None = None

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "similarity") -> SimilarityTask:
        """Build the task of a table ``pairs`` with pair_id, text_a, text_b, score and (perhaps) group.

        Raises
        ------
        DataError
            A missing column or value, or an id twice.
        """
        found = select_pairs(tables, PAIRS, name, optional=("group",))
        groups = read_optional_column(found.table, "group", name)
        return cls(name, *found.pairs, found.table["score"].to_numpy(), groups)
