"""Categorical and numeric columns of a table, next to the texts of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

CATEGORY, NUMBER = "category.", "number."
"""Prefixes of the columns of a task's examples that hold categorical values, and numbers."""
ROW_AS_TEXT = "row_as_text"
"""The column of examples (true throughout) that says: there is no text but the row, written out (`write_row`)."""
MISSING = ""
"""The value of a categorical column where the table has none: a value of its own."""
FEW_VALUES = 40
"""Values up to which a categorical column is one of low cardinality (the threshold of skrub's `TableVectorizer`)."""


@dataclass(frozen=True)
class ColumnNames:
    """The columns that a row is described by.

    Attributes
    ----------
    categorical, numeric : tuple of str
        Their names.
    """

    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Columns:
    """Values of some rows.

    Attributes
    ----------
    categorical : tuple of str
        Names of the categorical columns.
    codes : ndarray of shape (n_rows, n_categorical), int32
        Which of its column's values a row has.
    values : tuple of tuple of str
        The values of each categorical column; `MISSING` is one where any is missing.
    numeric : tuple of str
        Names of the numeric columns.
    numbers : ndarray of shape (n_rows, n_numeric), float64
        Their values; NaN is missing.
    replace_text : bool
        Whether there is no text but the row, written out. Equal texts are copies of each other; equal rows are different
        units that have the same values.
    """

    categorical: tuple[str, ...]
    codes: np.ndarray
    values: tuple[tuple[str, ...], ...]
    numeric: tuple[str, ...]
    numbers: np.ndarray
    replace_text: bool = False

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, categorical: Mapping[str, Sequence[str]], numeric: Mapping[str, Sequence[float]], n_rows: int) -> Columns:
        """Number the values of categorical columns, and gather the numbers of the others."""
        found = [_number(values) for values in categorical.values()]
        return cls(
            tuple(categorical),
            np.stack([codes for codes, _ in found], axis=1) if found else np.zeros((n_rows, 0), dtype=np.int32),
            tuple(values for _, values in found),
            tuple(numeric),
            np.array(list(numeric.values()), dtype=np.float64).T if numeric else np.zeros((n_rows, 0)),
        )

    @property
    def names(self) -> ColumnNames:
        """Names of all columns."""
        return ColumnNames(self.categorical, self.numeric)

    def take(self, rows: np.ndarray) -> Columns:
        """Take some of the rows."""
        return replace(self, codes=self.codes[rows], numbers=self.numbers[rows])

    def select(self, names: ColumnNames) -> Columns:
        """Select columns by their names, in that order.

        Raises
        ------
        ValueError
            There is none of such a name.
        """
        if names == self.names:
            return self
        lacking = [each for each in names.categorical if each not in self.categorical]
        lacking += [each for each in names.numeric if each not in self.numeric]
        if lacking:
            raise ValueError(f"the rows have no column {', '.join(lacking)}")
        categories = [self.categorical.index(each) for each in names.categorical]
        return replace(
            self,
            categorical=names.categorical,
            codes=self.codes[:, categories],
            values=tuple(self.values[each] for each in categories),
            numeric=names.numeric,
            numbers=self.numbers[:, [self.numeric.index(each) for each in names.numeric]],
        )

    def count_values(self) -> list[int]:
        """Count the different values of each categorical column of the table, apart from a missing one."""
        return [len(set(values) - {MISSING}) for values in self.values]

    def strings(self) -> np.ndarray:
        """Build the categorical values: shape (n_rows, n_categorical), object."""
        made = np.empty(self.codes.shape, dtype=object)
        for column, values in enumerate(self.values):
            made[:, column] = np.array(values, dtype=object)[self.codes[:, column]]
        return made


def _number(values: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    known: dict[str, int] = {}
    codes = np.array([known.setdefault(value, len(known)) for value in values], dtype=np.int32)
    return codes, tuple(known)


def write_row(values: Iterable[tuple[str, str]]) -> str:
    """Write a row out as a text, from the names of its columns and their values; missing ones are left out.

    Examples
    --------
    >>> print(write_row([("workclass", "Private"), ("native-country", ""), ("age", "39")]))
    workclass: Private
    age: 39
    """
    return "\n".join(f"{name}: {value}" for name, value in values if value)


def find_columns(table: pa.Table) -> Columns | None:
    """Find the columns of examples by the prefixes of their names; None where there are none."""
    names = table.column_names
    categorical = {
        name.removeprefix(CATEGORY): table[name].fill_null(MISSING).to_pylist()
        for name in names
        if name.startswith(CATEGORY)
    }
    numeric = {
        name.removeprefix(NUMBER): table[name].fill_null(float("nan")).to_pylist()
        for name in names
        if name.startswith(NUMBER)
    }
    if not categorical and not numeric:
        return None
    return replace(Columns.of(categorical, numeric, table.num_rows), replace_text=ROW_AS_TEXT in names)
