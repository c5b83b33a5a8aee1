"""The package that answers queries, an extra."""

from __future__ import annotations

from types import ModuleType

from emb_pipeline.errors import DataError


def import_duckdb() -> ModuleType:
    """Import DuckDB.

    Raises
    ------
    DataError
        It is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise DataError(
            "a query in SQL", "needs duckdb, which is not installed", "pip install 'emb_pipeline[sql]'"
        ) from error
    return duckdb
