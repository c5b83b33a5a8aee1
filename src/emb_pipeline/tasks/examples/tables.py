"""Columns of a task's tables, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.errors import DataError


def select_columns(
    tables: Mapping[str, pa.Table], table_name: str, schema: pa.Schema, name: str, optional: Sequence[str] = ()
) -> pa.Table:
    if table_name not in tables:
        raise DataError(name, f"table {table_name!r} is missing", f"give a table of {', '.join(schema.names)}")
    table = tables[table_name]
    for column in schema.names:
        if column not in table.column_names and column not in optional:
            raise DataError(f"{name}.{table_name}", f"column {column!r} is missing", f"give {', '.join(schema.names)}")
        if column not in optional and table[column].null_count:
            row = int(np.flatnonzero(pc.is_null(table[column]).to_numpy())[0]) + 1
            raise DataError(f"{name}.{table_name}, row {row}", f"{column} is empty", "fill it in or drop the row")
    fields = [field for field in schema if field.name in table.column_names]
    return table.select([field.name for field in fields]).cast(pa.schema(fields))


def read_optional_column(table: pa.Table, column: str, name: str) -> np.ndarray | None:
    """Read the values of a column that may be absent, or empty throughout."""
    if column not in table.column_names or table[column].null_count == table.num_rows:
        return None
    if table[column].null_count:
        place = f"{name}, row {int(np.flatnonzero(pc.is_null(table[column]).to_numpy())[0]) + 1}"
        raise DataError(place, f"{column} is empty while other examples have one", f"give all examples a {column}, or none")
    return np.array(table[column].to_pylist(), dtype=str)


def read_unique_ids(table: pa.Table, column: str, name: str) -> np.ndarray:
    ids = np.array(table[column].to_pylist(), dtype=str)
    unique, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        twice = int(np.argmax(counts > 1))
        raise DataError(
            f"{name}, {column}", f"{str(unique[twice])!r} occurs {counts[twice]} times", "give each row its own id"
        )
    if not len(ids):
        raise DataError(f"{name}, {column}", "the table has no row", "check what the source selects")
    return ids
