"""The labelled texts of a classification task."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.examples.tables import read_optional_column, read_unique_ids, select_columns
from emb_pipeline.text.seen import NEAR_GROUP
from emb_pipeline.text.texts import Texts, take_texts

EXAMPLES = pa.schema(
    [
        (name, pa.string()) for name in ("example_id", "text", "label", "split", "group", NEAR_GROUP)
    ]  # the last three may lack
)


@dataclass(frozen=True, eq=False)
class ClassificationTask:
    """Labelled texts.

    Attributes
    ----------
    name : str
        Of the task.
    example_ids : ndarray of shape (n_examples,), str
        Names of the examples.
    texts : Texts of length n_examples
        What is classified.
    labels : ndarray of shape (n_examples,), str
        The right class of each text.
    split : ndarray of shape (n_examples,), str, or None
        ``train``, ``validation`` or ``test`` where the task has an official split.
    groups : ndarray of shape (n_examples,), str, or None
        Examples of one group stay in one fold: offers of one product, say, whose titles give each other away.
    near_groups : ndarray of shape (n_examples,), str, or None
        Examples of one cluster of near-duplicates, where these were looked for.
    """

    name: str
    example_ids: np.ndarray
    texts: Texts
    labels: np.ndarray
    split: np.ndarray | None = None
    groups: np.ndarray | None = None
    near_groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        parts: tuple[Sized | None, ...] = (self.texts, self.labels, self.split, self.groups, self.near_groups)
        for part in parts:
            if part is not None and len(part) != len(self.example_ids):
                raise ValueError(f"{self.name}: ids, texts, labels, split and groups must have one entry per example")

    @cached_property
    def classes(self) -> np.ndarray:
        """The labels that occur, sorted: class code ``i`` is ``classes[i]``."""
        return np.unique(self.labels)

    @cached_property
    def codes(self) -> np.ndarray:
        """Class code of each example."""
        return np.searchsorted(self.classes, self.labels)

    def take(self, rows: np.ndarray) -> ClassificationTask:
        """The task of some examples alone, with the classes that these have."""
        parts = {name: getattr(self, name) for name in ("split", "groups", "near_groups")}
        taken = {name: None if part is None else part[rows] for name, part in parts.items()}
        return ClassificationTask(self.name, self.example_ids[rows], self.texts.take(rows), self.labels[rows], **taken)

    @property
    def all_texts(self) -> Texts:
        """All texts of the task, which an embedding of its own is fitted on where nothing but vectors is exported."""
        return self.texts

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table], name: str = "classification") -> ClassificationTask:
        """Build the task of a table ``examples`` with example_id, text, label and (perhaps) split and group.

        Raises
        ------
        DataError
            A missing column or value, an id twice, or a split or group for some examples only.
        """
        table = select_columns(tables, "examples", EXAMPLES, name, optional=("split", "group", NEAR_GROUP))
        ids = read_unique_ids(table, "example_id", name)
        labels = np.array(table["label"].to_pylist(), dtype=str)
        split, groups, near = (read_optional_column(table, column, name) for column in ("split", "group", NEAR_GROUP))
        return cls(name, ids, take_texts(tables, "examples"), labels, split, groups, near)
