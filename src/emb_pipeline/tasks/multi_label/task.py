"""The texts of a multi-label classification, with their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
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
        ("labels", pa.list_(pa.string())),
        *((name, pa.string()) for name in ("split", "group", NEAR_GROUP)),  # these may lack
    ]
)


@dataclass(frozen=True, eq=False)
class MultiLabelTask:
    """Texts with any number of labels each, perhaps none.

    Attributes
    ----------
    name : str
        Of the task.
    example_ids : ndarray of shape (n_examples,), str
        Names of the examples.
    texts : Texts of length n_examples
        What is labeled.
    label_sets : sequence of sequence of str, length n_examples
        The right labels of each text.
    split : ndarray of shape (n_examples,), str, or None
        ``train``, ``validation`` or ``test`` where the task has an official split.
    groups : ndarray of shape (n_examples,), str, or None
        Examples of one group stay in one fold: sentences of one document, say.
    near_groups : ndarray of shape (n_examples,), str, or None
        Examples of one cluster of near-duplicates, where these were looked for.
    """

    name: str
    example_ids: np.ndarray
    texts: Texts
    label_sets: Sequence[Sequence[str]]
    split: np.ndarray | None = None
    groups: np.ndarray | None = None
    near_groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        parts: tuple[Sized | None, ...] = (self.texts, self.label_sets, self.split, self.groups, self.near_groups)
        for part in parts:
            if part is not None and len(part) != len(self.example_ids):
                raise ValueError(f"{self.name}: ids, texts, labels, split and groups must have one entry per example")

    @cached_property
    def labels(self) -> list[str]:
        """The labels that occur, sorted: label ``i`` is column ``i`` of the targets."""
        return sorted({label for labels in self.label_sets for label in labels})

    @cached_property
    def targets(self) -> np.ndarray:
        """The labels of each text: shape (n_examples, n_labels), bool."""
        place = {label: column for column, label in enumerate(self.labels)}
        made = np.zeros((len(self.example_ids), len(place)), dtype=bool)
        for row, labels in enumerate(self.label_sets):
            made[row, [place[label] for label in labels]] = True
        return made

    @cached_property
    def codes(self) -> np.ndarray:
        """The stratum of each text: see `find_strata`; where there is a split, sizes are those of the training part."""
        return find_strata(self.targets, None if self.split is None else self.split != "test")

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "multi_label") -> MultiLabelTask:
        """Build the task of a table ``examples`` with example_id, text, labels and (perhaps) split and group.

        Raises
        ------
        DataError
            A missing column or value, an id twice, or a split or group for some examples only.
        """
        table = select_columns(tables, "examples", EXAMPLES, name, optional=("split", "group", NEAR_GROUP))
        ids = read_unique_ids(table, "example_id", name)
        split, groups, near = (read_optional_column(table, column, name) for column in ("split", "group", NEAR_GROUP))
        return cls(name, ids, take_texts(tables, "examples"), table["labels"].to_pylist(), split, groups, near)


def find_strata(targets: np.ndarray, counted: np.ndarray | None = None) -> np.ndarray:
    """Find a code for each text that folds spread evenly: its rarest label; texts without a label have one more.

    Parameters
    ----------
    targets : ndarray of shape (n_texts, n_labels), bool
        The labels of each text.
    counted : ndarray of shape (n_texts,), bool, optional
        Texts that say how rare a label is; all by default.

    Returns
    -------
    ndarray of shape (n_texts,), int64
    """
    sizes = (targets if counted is None else targets[counted]).sum(axis=0)
    order = np.argsort(sizes, kind="stable")
    found = np.append(order, targets.shape[1])[np.where(targets.any(axis=1), targets[:, order].argmax(axis=1), -1)]
    return np.asarray(found, dtype=np.int64)
