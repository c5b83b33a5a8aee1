"""The columns of somebody's table that are encoded next to its text, or in place of one; and why each is, or is not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from emb_pipeline.readers.description.columns import Column
from emb_pipeline.tasks.proposal import is_split

_FEW_NUMBERS = 10
"""Whole numbers of so many values, or fewer, are categories: a linear probe then has a weight for each."""
_MOSTLY = 0.95
"""Share of rows without a value from which on a column is left out."""
_NAMES_ROWS = 0.5
"""Share of different values from which on a column names its rows."""
_SHOWN = 12


@dataclass(frozen=True)
class FeatureChoice:
    """Columns of a table, by what they are encoded as.

    Attributes
    ----------
    categorical, numeric : tuple of str
        Their names.
    notes : tuple of str
        Why each column is one of them, or is left out.
    """

    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.categorical or self.numeric)

    def write(self) -> dict[str, Any]:
        """Write what YAML says under ``source:``: nothing where there is no column."""
        kinds = {"categorical": list(self.categorical), "numeric": list(self.numeric)}
        return {"features": {name: columns for name, columns in kinds.items() if columns}} if self else {}

    def name_with(self, texts: Sequence[str]) -> str:
        """Name what is predicted from: columns with a text, and how many others."""
        n = len(self.categorical) + len(self.numeric)
        return " and ".join([*texts, *([f"{n} {'other ' if texts else ''}column{'s' if n > 1 else ''}"] if n else [])])


def write_text_columns(texts: Sequence[Column]) -> dict[str, Any]:
    """Write the columns of the text as YAML does: one, several, or none."""
    names = [column.name for column in texts]
    return {"text": names if len(names) > 1 else names[0]} if names else {}


def choose_features(columns: Iterable[Column], taken: Collection[str]) -> FeatureChoice:
    """Choose the columns to encode, of those that are not ``taken`` as a text, a label or a split.

    Left out are columns that name their rows, texts, dates, lists, those that are nearly always empty, and those with a
    single value.
    """
    categorical, numeric, left_out = [], [], []
    for column in columns:
        if column.name in taken or is_split(column):
            continue
        if reason := _find_fault(column):
            left_out.append(f"{column.name or 'a column without a name'} ({reason})")
        elif column.is_score and not column.is_id and not (column.whole > 0.99 and column.n_distinct <= _FEW_NUMBERS):
            numeric.append(column)
        else:
            categorical.append(column)
    notes = [
        f"{what}: {_join([f'{column.name} ({_describe(column)})' for column in found])}"
        for what, found in (("categorical", categorical), ("numeric", numeric))
        if found
    ]
    if notes:
        notes += [f"left out: {_join(left_out)}"] if left_out else []
        notes.append("take out of 'features' what is only known after the label")
    return FeatureChoice(
        tuple(column.name for column in categorical), tuple(column.name for column in numeric), tuple(notes)
    )


def _find_fault(column: Column) -> str:
    """Say why a column is not encoded; empty where it is."""
    empty = column.n_empty / max(column.n_rows, 1)
    if empty >= _MOSTLY:
        return f"{100 * empty:.0f} % missing"
    if column.n_distinct < 2:
        return "one value alone"
    if column.is_list:
        return "lists"
    if column.dates >= 0.5:
        return "dates: cut them into numbers first"
    if not column.name or (column.distinct > _NAMES_ROWS and (column.is_id or column.numeric < 0.5) and not column.is_text):
        return f"{column.n_distinct:,} different values in {column.n_values:,} rows: they name the rows"
    if column.is_text:
        return "a text: add it to 'text' to have it read"
    if 0.5 <= column.numeric <= 0.99:
        return f"{100 * (1 - column.numeric):.0f} % of its values are no numbers: name them under 'missing'"
    return ""


def _describe(column: Column) -> str:
    share = 100 * column.n_empty / max(column.n_rows, 1)
    empty = f", {'less than 1' if share < 1 else f'{share:.0f}'} % missing" if column.n_empty else ""
    return f"{column.n_distinct:,} values{empty}"


def _join(parts: list[str]) -> str:
    return ", ".join(parts[:_SHOWN]) + (f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else "")
