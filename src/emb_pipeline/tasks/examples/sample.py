"""A part of the examples of a task, for a first answer: drawn by hash, the same on every machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import ceil

import pyarrow as pa

from emb_pipeline.text.hashing import hash_text

_FEWEST = 5
"""Rows of a stratum that are kept where it has as many: a class needs some to be learnt and tested."""


def draw_rows(table: pa.Table, n_rows: int | None, key: Sequence[str], strata: Sequence[str] = ()) -> pa.Table:
    """Draw rows of a table, in their order; all of them where there are no more.

    Parameters
    ----------
    table : pa.Table
        Rows to draw from.
    n_rows : int, optional
        Rows to keep, about: each stratum keeps its share, rounded up, and at least five.
    key : sequence of str
        Columns whose values the draw hashes: rows with equal ones are kept, or left out, together.
    strata : sequence of str
        Columns whose values each keep their share: label and split, say.
    """
    if n_rows is None or table.num_rows <= n_rows:
        return table
    hashes = [hash_text(f"first answer {value}") for value in _join(table, key)]
    members: dict[str, list[int]] = defaultdict(list)
    for row, stratum in enumerate(_join(table, strata)):
        members[stratum].append(row)
    share = n_rows / table.num_rows
    kept: list[int] = []
    for rows in members.values():
        n_kept = min(max(ceil(share * len(rows)), _FEWEST), len(rows))
        last = sorted(hashes[row] for row in rows)[n_kept - 1]
        kept += [row for row in rows if hashes[row] <= last]
    return table.take(pa.array(sorted(kept), pa.int64()))


def _join(table: pa.Table, columns: Sequence[str]) -> list[str]:
    """Join the values of some columns to one text a row."""
    values = [table[column].to_pylist() for column in columns if column in table.column_names]
    return (
        ["\x1f".join(str(value) for value in row) for row in zip(*values, strict=True)] if values else [""] * table.num_rows
    )
