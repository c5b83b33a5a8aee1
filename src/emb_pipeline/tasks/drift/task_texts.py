"""The texts of a task's test units, and those that are trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

TRAINED_ON = frozenset({"train", "validation"})
"""Splits whose rows are learned from."""
BETWEEN = "\n"
"""Separates the two texts of a pair."""


@dataclass(frozen=True, eq=False)
class TaskTexts:
    """Texts of a task.

    Attributes
    ----------
    tested : list of str
        Text of each test unit, in the order that was asked for.
    training : list of (str, str)
        Id and text of each row that is trained on alone; none where a task is cross-validated, or learns nothing.
    """

    tested: list[str]
    training: list[tuple[str, str]]


def find_task_texts(tables: Mapping[str, pa.Table], units: Sequence[str]) -> TaskTexts | None:
    """Find the texts of test units, and of what is trained on.

    Parameters
    ----------
    tables : mapping of str to Table
        The task's tables. The first column of one of them has the names of the units.
    units : sequence of str
        Names of the test units.

    Returns
    -------
    TaskTexts or None
        None where the units are no texts: users of a recommendation.
    """
    for table in tables.values():
        columns = _find_text_columns(table)
        if not columns or not table.column_names[0].endswith("_id"):
            continue
        ids = list(map(str, table.column(0).to_pylist()))
        if not set(units) <= set(ids):
            continue
        texts = [BETWEEN.join(each) for each in zip(*(table[name].to_pylist() for name in columns), strict=True)]
        text_of = dict(zip(ids, texts, strict=True))
        splits = table["split"].to_pylist() if "split" in table.column_names else [None] * len(ids)
        rows = zip(ids, texts, splits, strict=True)
        tested = set(units)
        return TaskTexts(
            [text_of[unit] for unit in units],
            [(name, text) for name, text, split in rows if split in TRAINED_ON and name not in tested],
        )
    return None


def _find_text_columns(table: pa.Table) -> list[str]:
    return [
        name
        for name in table.column_names
        if (name == "text" or name.startswith("text_")) and pa.types.is_string(table.schema.field(name).type)
    ]
