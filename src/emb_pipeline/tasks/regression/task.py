"""The texts with a number of a regression task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.examples.tables import read_optional_column, read_unique_ids, select_columns
from emb_pipeline.text.seen import NEAR_GROUP
from emb_pipeline.text.texts import Texts, take_texts

EXAMPLES = pa.schema(
    [
        ("example_id", pa.string()),
        ("text", pa.string()),
        ("target", pa.float64()),
        *((name, pa.string()) for name in ("split", "group", NEAR_GROUP)),  # these may lack
    ]
)
STRATA = 5
"""Parts of the targets' range, of about as many examples each, that folds and parts of the labels spread evenly."""


@dataclass(frozen=True, eq=False)
class RegressionTask:
    """Texts with a number.

    Attributes
    ----------
    name : str
        Of the task.
    example_ids : ndarray of shape (n_examples,), str
        Names of the examples.
    texts : Texts of length n_examples
        What the number is predicted from.
    targets : ndarray of shape (n_examples,), float64
        The right number of each text.
    split, groups, near_groups : ndarray of shape (n_examples,), str, or None
        See `emb_pipeline.tasks.splits.example_folds.Examples`.
    """

    name: str
    example_ids: np.ndarray
    texts: Texts
    targets: np.ndarray
    split: np.ndarray | None = None
    groups: np.ndarray | None = None
    near_groups: np.ndarray | None = None

    @cached_property
    def codes(self) -> np.ndarray:
        """Stratum of each example by its number, from 0 on; equal numbers have the same."""
        return find_strata(self.targets)

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "regression") -> RegressionTask:
        """Build the task of a table ``examples`` with example_id, text, target and (perhaps) split and group.

        Raises
        ------
        DataError
            A missing column or value, an id twice, or a split or group for some examples only.
        """
        table = select_columns(tables, "examples", EXAMPLES, name, optional=("split", "group", NEAR_GROUP))
        ids, targets = read_unique_ids(table, "example_id", name), table["target"].to_numpy()
        split, groups, near = (read_optional_column(table, column, name) for column in ("split", "group", NEAR_GROUP))
        return cls(name, ids, take_texts(tables, "examples"), targets, split, groups, near)


def find_strata(targets: np.ndarray) -> np.ndarray:
    """Find the stratum of each number, from 0 on; equal numbers have the same.

    Examples
    --------
    >>> find_strata(np.array([1.0, 5.0, 5.0, 5.0, 5.0, 5.0])).tolist()
    [0, 1, 1, 1, 1, 1]
    """
    _, value_of, sizes = np.unique(targets, return_inverse=True, return_counts=True)
    middles = (np.cumsum(sizes) - sizes / 2) / len(targets)
    strata = np.floor(STRATA * middles)[value_of]
    return np.asarray(np.unique(strata, return_inverse=True)[1], dtype=np.int64)
