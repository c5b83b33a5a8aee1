"""The page of all tables that a run leaves, and their columns."""

from __future__ import annotations

import columns

from emb_pipeline.reporting.tables import COLUMNS

_HEAD = """# Tables

This page is written from the code. The tables of a run are Parquet files, in `data/08_reporting/<use case>/`. Most have
versions: `leaderboard.parquet/<version>/leaderboard.parquet`. `checks`, `neighbors`, `overlaps`, `confusions`, `embeddings`
and `corpora` are put together when the report is made.

Load one from the Kedro catalog with `catalog.load("leaderboard")`, as the notebooks do, or with pandas.
"""
_TYPES = {"string": "text", "category": "text", "float": "number", "int": "whole number", "bool": "true, false"}


def write_page() -> str:
    """Write the page: for each table what it holds, and its columns."""
    parts = [_HEAD]
    for name, types in COLUMNS.items():
        parts += [
            "",
            f"## `{name}`",
            "",
            columns.TABLES.get(name, ""),
            "",
            "| column | type | what it is |",
            "|---|---|---|",
        ]
        parts += [f"| `{column}` | {_name_type(kind)} | {describe(name, column)} |" for column, kind in types.items()]
    return "\n".join(parts) + "\n"


def describe(table: str, column: str) -> str:
    """Say what a column of a table means; empty where nobody wrote it down."""
    return columns.IN_TABLES.get(f"{table}.{column}", columns.COLUMNS.get(column, ""))


def _name_type(kind: str) -> str:
    return next((words for start, words in _TYPES.items() if kind.lower().startswith(start)), "any")
