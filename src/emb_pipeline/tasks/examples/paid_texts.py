"""Estimate of what a service asks for all texts of some tasks, before the first one is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from emb_pipeline.embeddings.protocols import EstimatingEncoder, Role
from emb_pipeline.errors import DataError
from emb_pipeline.text.held_out import HELD_OUT

ESTIMATE = pa.schema(
    [
        ("texts", pa.int64()),
        ("tokens", pa.float64()),
        ("usd", pa.float64()),
        *((n, pa.string()) for n in ("place", "refused")),
    ]
)
"""Texts that are not stored yet, and what they need; ``refused`` says why they must not be sent."""


def estimate_cost(encoder: Any, tasks: Sequence[Mapping[str, pa.Table]]) -> pa.Table:
    """Estimate tokens and dollars for those texts of tasks that are not stored, and log them.

    Parameters
    ----------
    encoder : EstimatingEncoder
        The embedding; another one needs nothing.
    tasks : sequence of mapping
        The tables of each task.

    Returns
    -------
    Table of ESTIMATE
        One row.
    """
    by_role: dict[Role, list[str]] = {}
    for tables in tasks:
        for name, column in list_text_columns(tables):
            by_role.setdefault(find_role(name), []).extend(text for text in tables[name][column].to_pylist() if text)
    found: dict[str, Any] = {"texts": 0, "tokens": 0.0, "usd": 0.0}
    if isinstance(encoder, EstimatingEncoder):
        try:
            found |= encoder.estimate_cost(by_role)
        except DataError as error:
            found |= {"place": error.place, "refused": f"{error.reason}; {error.remedy}"}
    return pa.Table.from_pylist([found], schema=ESTIMATE)


def require_allowed(estimate: pa.Table) -> None:
    """Refuse to evaluate what an estimate has refused.

    Raises
    ------
    DataError
        The same for each of the embedding's tasks.
    """
    (row,) = estimate.to_pylist()
    if row["refused"]:
        raise DataError(row["place"], row["refused"])


def find_role(table: str) -> Role:
    """Find the use of the texts of a task's table."""
    return "passage" if table == "passages" else "query" if table == "queries" else "text"


def list_text_columns(tables: Mapping[str, pa.Table]) -> Iterator[tuple[str, str]]:
    """List the columns of a task's tables that encoders are given: names of table and column."""
    for name, table in tables.items():
        for column in table.column_names if name != HELD_OUT and len(table) else ():
            is_text = column == "text" or column.startswith("text_")
            if is_text and pa.types.is_string(table.schema.field(column).type):
                yield name, column
