"""The table of pairs, as a reader of any kind makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.tables.times import TimeColumn

TEXTS = ("text_a", "text_b")
"""The columns with the texts of a pair."""
GROUP = pa.field("group", pa.string())
"""A further column of pairs, where the source names one."""
FEWEST_PAIRS = 10
"""Pairs below which neither a ranking nor a correlation says anything."""


def build_pairs_schema(*answers: pa.Field) -> pa.Schema:
    """Build the schema of pairs with these columns after their names and texts."""
    return pa.schema([*((name, pa.string()) for name in ("pair_id", *TEXTS)), *answers])


def build_pair_table(pairs: Sequence[Sequence[Any]], schema: pa.Schema, source: Any) -> pa.Table:
    """Build the table of pairs, each with a value for all columns, for the group and for the time.

    Parameters
    ----------
    pairs : sequence of sequence
        The last values are group and time; each is left out where the source names no column for it.
    schema : Schema
        The other columns.
    source : PairedTexts
        Where they were read from.
    """
    *columns, times = zip(*pairs, strict=True)
    schema = schema.append(GROUP) if source.group is not None else schema
    found = pa.Table.from_arrays(
        [pa.array(column, kind.type) for column, kind in zip(columns[: len(schema)], schema, strict=True)], schema=schema
    )
    return TimeColumn(source.time).append(found, times, source.origin)


def require_enough_pairs(n_pairs: int, source: Any, what: str) -> None:
    """Refuse fewer than `FEWEST_PAIRS`.

    Raises
    ------
    DataError
        There are fewer.
    """
    if n_pairs < FEWEST_PAIRS:
        raise DataError(source.origin, f"has {n_pairs} {what} pairs", f"give at least {FEWEST_PAIRS}")


def require_filled(values: Mapping[str, str], place: str) -> None:
    """Refuse an empty value of a row.

    Raises
    ------
    DataError
        The first column with one.
    """
    for name, value in values.items():
        if not value.strip():
            raise DataError(place, f"{name} is empty", "fill it in or drop the row, or say 'empty: leave_out'")


def list_both_texts(pairs: pa.Table) -> list[tuple[str, str]]:
    """List the two texts of each pair."""
    return list(zip(*(pairs[column].to_pylist() for column in TEXTS), strict=True))
