"""The parts of encoders of columns, as files: Parquet and JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from emb_pipeline.embeddings.columns.sparse import HashedValues, OneHotValues
from emb_pipeline.embeddings.columns.values import (
    BinnedNumbers,
    CategoryVectors,
    KnownValues,
    NumberVectors,
    ScaledNumbers,
    ValueVectors,
)
from emb_pipeline.embeddings.export import EXPORT_AGAIN
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.text.columns import ColumnNames

_VALUES, _NUMBERS = "values.parquet", "numbers.parquet"
_LISTS = pa.list_(pa.float64())


def write_names(names: ColumnNames) -> dict[str, Any]:
    """Write the names of columns as JSON values."""
    return {"categorical": list(names.categorical), "numeric": list(names.numeric)}


def read_names(facts: Mapping[str, Any]) -> ColumnNames:
    """Read what `write_names` wrote."""
    return ColumnNames(tuple(facts["categorical"]), tuple(facts["numeric"]))


def write_categories(categories: CategoryVectors, folder: Path) -> dict[str, Any]:
    """Write the categorical part: a row for each value, with its vector where it has one; gives JSON values.

    Raises
    ------
    ValueError
        There is no format for it.
    """
    match categories:
        case HashedValues():
            return {"categories": "hashed", "hashed_dim": categories.dim}
        case OneHotValues():
            _write_values(categories.known, None, folder)
            return {"categories": "one_hot"}
        case ValueVectors():
            _write_values(categories.known, categories.vectors, folder)
            return {"categories": "vectors", "averaged": categories.averaged}
    raise ValueError(f"there is no format for {type(categories).__name__}")


def read_categories(names: Sequence[str], folder: Path, facts: Mapping[str, Any]) -> CategoryVectors:
    """Read what `write_categories` wrote.

    Raises
    ------
    KeyError, ValueError
        The facts are those of something else.
    """
    if facts["categories"] == "hashed":
        return HashedValues(int(facts["hashed_dim"]))
    table = read_parquet(folder / _VALUES, columns=("column", "value", "vector"), remedy=EXPORT_AGAIN)
    places, values, vectors = (table[name].to_pylist() for name in ("column", "value", "vector"))
    of_columns = [[row for row, place in enumerate(places) if place == column] for column in range(len(names))]
    known = KnownValues(
        tuple(names), tuple(tuple(values[row] for row in rows if values[row] is not None) for rows in of_columns)
    )
    if facts["categories"] == "one_hot":
        return OneHotValues(known)
    tables = tuple(np.array([vectors[row] for row in rows], dtype=np.float32) for rows in of_columns)
    if [len(each) for each in tables] != [n + 1 for n in known.counts]:
        raise ValueError("a column has no vector for a value that is not known")
    return ValueVectors(known, tables, bool(facts["averaged"]))


def _write_values(known: KnownValues, vectors: Sequence[np.ndarray] | None, folder: Path) -> None:
    """Write a row for each value; with vectors, a further one of each column for what is not known, whose value is null."""
    places: list[int] = []
    values: list[str | None] = []
    rows: list[np.ndarray | None] = []
    for column, own in enumerate(known.values):
        every = own if vectors is None else (*own, None)
        places += [column] * len(every)
        values += every
        rows += [None] * len(every) if vectors is None else list(vectors[column])
    table = {
        "column": pa.array(places, pa.int32()),
        "value": pa.array(values, pa.string()),
        "vector": pa.array(rows, pa.list_(pa.float32())),
    }
    write_parquet(pa.table(table), folder / _VALUES)


def write_numbers(numbers: NumberVectors, folder: Path) -> dict[str, Any]:
    """Write the numeric part: a row for each column; gives JSON values.

    Raises
    ------
    ValueError
        There is no format for it.
    """
    match numbers:
        case BinnedNumbers():
            write_parquet(pa.table({"edges": pa.array(list(numbers.edges), _LISTS)}), folder / _NUMBERS)
            return {"numbers": "binned"}
        case ScaledNumbers():
            columns = {name: pa.array(getattr(numbers, name)) for name in ("mean", "deviation", "may_lack")}
            write_parquet(pa.table(columns), folder / _NUMBERS)
            return {"numbers": "scaled"}
    raise ValueError(f"there is no format for {type(numbers).__name__}")


def read_numbers(folder: Path, facts: Mapping[str, Any]) -> NumberVectors:
    """Read what `write_numbers` wrote."""
    if facts["numbers"] == "binned":
        edges = read_parquet(folder / _NUMBERS, columns=("edges",), remedy=EXPORT_AGAIN)["edges"].to_pylist()
        return BinnedNumbers(tuple(np.array(each, dtype=np.float64) for each in edges))
    table = read_parquet(folder / _NUMBERS, columns=("mean", "deviation", "may_lack"), remedy=EXPORT_AGAIN)
    return ScaledNumbers(*(table[name].to_numpy() for name in ("mean", "deviation", "may_lack")))
