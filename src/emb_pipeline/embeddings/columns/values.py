"""The values that training rows have, and the vectors of rows that are made of vectors of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.columns.options import ColumnOptions, Numeric
from emb_pipeline.embeddings.linear_head import varying_deviations
from emb_pipeline.embeddings.protocols import Vectors
from emb_pipeline.errors import DataError
from emb_pipeline.text.columns import FEW_VALUES, ColumnNames, Columns
from emb_pipeline.text.texts import Texts


def require_columns(texts: Sequence[str]) -> Columns:
    """Give the columns next to texts.

    Raises
    ------
    DataError
        There are none.
    """
    columns = texts.columns if isinstance(texts, Texts) else None
    if columns is None:
        raise DataError("the texts", "no columns are next to them", "name 'features' in the task's source")
    return columns


def select_columns(texts: Sequence[str], options: ColumnOptions) -> Columns:
    """Give the columns next to texts that an encoder is to read.

    Their values are counted in the whole table, so that a part of it has the same columns.

    Raises
    ------
    DataError
        There are none, or no categorical one of the cardinality that is asked for.
    """
    columns = require_columns(texts)
    if options.cardinality == "all":
        return columns
    counted = zip(columns.categorical, columns.count_values(), strict=True)
    names = tuple(name for name, n in counted if (n <= FEW_VALUES) == (options.cardinality == "low"))
    if not names:
        bound = f"{FEW_VALUES} different values or fewer" if options.cardinality == "low" else f"more than {FEW_VALUES}"
        remedy = "keep it from this task with 'evaluate_on', or leave out 'cardinality'"
        raise DataError(f"cardinality: {options.cardinality}", f"no categorical column has {bound}", remedy)
    return columns.select(ColumnNames(names, columns.numeric))


@dataclass(frozen=True, eq=False)
class KnownValues:
    """The values of each categorical column that training rows have.

    Attributes
    ----------
    names : tuple of str
        Of the columns.
    values : tuple of tuple of str
        Of each column, in the order of their names.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, columns: Columns, min_rows: int = 1) -> KnownValues:
        """Find the values that so many of the rows have."""
        known = []
        for column, values in enumerate(columns.values):
            counts = np.bincount(columns.codes[:, column], minlength=len(values))
            known.append(tuple(sorted(values[code] for code in np.flatnonzero(counts >= min_rows).tolist())))
        return cls(columns.categorical, tuple(known))

    @property
    def counts(self) -> list[int]:
        """Number of values of each column."""
        return [len(values) for values in self.values]

    def find(self, columns: Columns) -> np.ndarray:
        """Find the place of each row's values among the known ones: shape (n_rows, n_columns); -1 where it is not known."""
        if columns.categorical != self.names:
            raise ValueError(f"the rows have the columns {columns.categorical}, not {self.names}")
        found = np.empty(columns.codes.shape, dtype=np.int64)
        for column, values in enumerate(columns.values):
            place_of = {value: place for place, value in enumerate(self.values[column])}
            places = np.array([place_of.get(value, -1) for value in values], dtype=np.int64)
            found[:, column] = places[columns.codes[:, column]]
        return found


class NumberVectors(Protocol):
    """Vectors of the numeric part of rows."""

    @property
    def dim(self) -> int:
        """Columns of the vectors."""
        ...

    def encode(self, columns: Columns) -> np.ndarray:
        """Vectors of rows: an array of shape (n_rows, dim), float32."""
        ...


def fit_numbers(columns: Columns, numeric: Numeric) -> NumberVectors:
    """Fit what an option says of numeric columns, on those of training rows."""
    if numeric == "binned":
        return BinnedNumbers.of(columns)
    return ScaledNumbers.of(columns.numbers if numeric == "standardized" else columns.numbers[:, :0])


@dataclass(frozen=True, eq=False)
class ScaledNumbers:
    """Numeric columns with mean 0 and variance 1 in training, and a column for each of them that had missing numbers.

    Attributes
    ----------
    mean, deviation : ndarray of shape (n_numeric,), float64
        Of the training rows' numbers.
    may_lack : ndarray of shape (n_numeric,), bool
        Columns with a missing number in training.
    """

    mean: np.ndarray
    deviation: np.ndarray
    may_lack: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray) -> ScaledNumbers:
        """Find the scaling of training rows of shape (n_rows, n_numeric)."""
        lacking = np.isnan(numbers)
        n_given = np.maximum((~lacking).sum(axis=0), 1)
        mean = np.where(lacking, 0.0, numbers).sum(axis=0) / n_given
        squares = np.where(lacking, 0.0, numbers - mean) ** 2
        deviation = varying_deviations(np.sqrt(squares.sum(axis=0) / n_given), mean)
        return cls(mean, deviation, lacking.any(axis=0))

    @property
    def dim(self) -> int:
        """Columns of the result."""
        return len(self.mean) + int(self.may_lack.sum())

    def encode(self, columns: Columns) -> np.ndarray:
        """Scale the numbers of rows: shape (n_rows, dim), float32."""
        numbers = columns.numbers[:, : len(self.mean)]
        lacking = np.isnan(numbers)
        scaled = np.where(lacking, 0.0, (numbers - self.mean) / self.deviation)
        return np.hstack([scaled, lacking[:, self.may_lack]]).astype(np.float32)


_BINS = 10


@dataclass(frozen=True, eq=False)
class BinnedNumbers:
    """A one in the column of the bin that a number falls into; the last bin of each numeric column is for missing ones.

    Attributes
    ----------
    edges : tuple of ndarray of shape (n_bins - 1,), float64
        Deciles of the different training numbers: one that most rows have (0) does not hide all others. Numbers from an edge
        on are in the next bin.
    """

    edges: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, columns: Columns) -> BinnedNumbers:
        """Find the deciles of these rows' numbers."""
        shares = np.linspace(0, 1, _BINS + 1)[1:-1]
        given = [numbers[~np.isnan(numbers)] for numbers in columns.numbers.T]
        return cls(tuple(np.unique(np.quantile(np.unique(each), shares)) if len(each) else np.zeros(0) for each in given))

    @property
    def dim(self) -> int:
        """Bins."""
        return sum(len(edges) + 2 for edges in self.edges)

    def encode(self, columns: Columns) -> np.ndarray:
        """Find the bins of rows: shape (n_rows, dim), float32."""
        blocks = [np.zeros((len(columns), 0), dtype=np.float32)]
        for edges, numbers in zip(self.edges, columns.numbers.T, strict=True):
            bins = np.where(np.isnan(numbers), len(edges) + 1, np.searchsorted(edges, numbers, side="right"))
            blocks.append(np.eye(len(edges) + 2, dtype=np.float32)[bins])
        return np.hstack(blocks)


class CategoryVectors(Protocol):
    """Vectors of the categorical part of rows."""

    @property
    def dim(self) -> int:
        """Columns of the vectors."""
        ...

    def encode(self, columns: Columns) -> Vectors:
        """Vectors of rows: an array of shape (n_rows, dim), float32, dense or sparse."""
        ...


@dataclass(frozen=True, eq=False)
class RowEncoder:
    """Vectors of rows: of their categorical columns, followed by the numeric ones.

    Attributes
    ----------
    columns : ColumnNames
        The columns that it reads.
    categories : CategoryVectors
        The categorical part.
    numbers : NumberVectors
        The numeric one.
    """

    columns: ColumnNames
    categories: CategoryVectors
    numbers: NumberVectors
    export_format: ClassVar[str] = "columns"

    @property
    def dim(self) -> int:
        """Columns of the vectors."""
        return self.categories.dim + self.numbers.dim

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode the columns next to texts: an array of shape (n_texts, dim), float32."""
        columns = require_columns(texts).select(self.columns)
        return stack([self.categories.encode(columns), self.numbers.encode(columns)])

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write both parts, each as one Parquet file."""
        from emb_pipeline.embeddings.columns import state

        parts = state.write_categories(self.categories, folder) | state.write_numbers(self.numbers, folder)
        return {**state.write_names(self.columns), **parts}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> RowEncoder:
        """Read the encoder that `write_state` wrote."""
        from emb_pipeline.embeddings.columns import state

        names = state.read_names(facts)
        categories = state.read_categories(names.categorical, folder, facts)
        return cls(names, categories, state.read_numbers(folder, facts))


def stack(blocks: Sequence[Vectors]) -> Vectors:
    """Put blocks of vectors next to each other: sparse where one of them is, float32."""
    if any(sp.issparse(block) for block in blocks):
        return sp.csr_array(sp.hstack([sp.csr_array(block) for block in blocks], format="csr"), dtype=np.float32)
    return np.ascontiguousarray(np.hstack(blocks), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class ValueVectors:
    """Rows that are made of a dense vector for each of their values.

    Attributes
    ----------
    known : KnownValues
        The values of the training rows.
    vectors : tuple of ndarray of shape (n_values + 1, n_dimensions), float32
        Of each column's values; the last row is for a value that is not known.
    averaged : bool
        Whether a row has the mean of its values' vectors, which then have one dimension; else one follows the other.
    """

    known: KnownValues
    vectors: tuple[np.ndarray, ...]
    averaged: bool = field(default=False)

    @property
    def dim(self) -> int:
        """Columns of the vectors."""
        sizes = [table.shape[1] for table in self.vectors]
        return max(sizes, default=0) if self.averaged else sum(sizes)

    def encode(self, columns: Columns) -> np.ndarray:
        """Look up the vectors of rows: shape (n_rows, dim), float32."""
        places = self.known.find(columns)  # -1, not known, is the last row of a table
        blocks = [table[places[:, column]] for column, table in enumerate(self.vectors)]
        if not blocks:
            return np.zeros((len(columns), 0), dtype=np.float32)
        joined = np.mean(blocks, axis=0) if self.averaged else np.hstack(blocks)
        return np.asarray(joined, dtype=np.float32)
