"""Arrow tables at rest: one Parquet file, a folder of named ones, or references to files of other datasets."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
from kedro.io import AbstractDataset, AbstractVersionedDataset, DatasetError, Version
from kedro_datasets._typing import TablePreview

from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.failures import Failed, forget_failure, load_failure, store_failure
from emb_pipeline.storage.local_paths import require_local
from emb_pipeline.storage.sealed_files import AGAIN, read_json, read_parquet, write_json, write_parquet
from emb_pipeline.storage.table_parts import TableParts

Reference: TypeAlias = TableParts | StoredEncoders
Tables: TypeAlias = Mapping[str, pa.Table | Reference]


class TableDataset(AbstractVersionedDataset[pa.Table | Failed, pa.Table | Failed]):
    """One table as one Parquet file, written atomically; or why it could not be made.

    Parameters
    ----------
    filepath : str
        Where the file is.
    version : Version, optional
        Set by Kedro for an entry with ``versioned: true``.
    metadata : dict, optional
        Anything for other tools, such as Kedro-Viz's layer.
    """

    def __init__(self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(
            filepath=require_local(filepath), version=version, exists_function=does_path_exist, glob_function=glob.glob
        )
        self.metadata = metadata

    def load(self) -> pa.Table | Failed:
        if failed := self.failure():
            return failed
        path = Path(self._get_load_path())
        if not path.is_file():
            raise DatasetError(f"{path} is not there: it was never written")
        return read_parquet(path)

    def save(self, data: pa.Table | pd.DataFrame | Failed) -> None:
        if isinstance(data, Failed):
            return store_failure(Path(self._filepath), data)
        table = data if isinstance(data, pa.Table) else pa.Table.from_pandas(data, preserve_index=False)
        with write_atomically(Path(self._get_save_path())) as path:
            write_parquet(table, path)
        forget_failure(Path(self._filepath))

    def failure(self) -> Failed | None:
        """Why it could not be made; None where it could."""
        return load_failure(Path(self._filepath))

    def preview(self, nrows: int = 10) -> TablePreview:
        """First rows, for Kedro-Viz: it looks for this return type."""
        table = self.load()
        return preview_failure(table) if isinstance(table, Failed) else preview_table(table.slice(0, nrows))

    def _exists(self) -> bool:
        return does_version_exist(self._get_load_path) and self.failure() is None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}


class TablePartDataset(AbstractDataset[pa.Table | Failed, TableParts | Failed]):
    """One table as one Parquet file, which is loaded as a reference: who gathers tables needs no rows.

    Parameters
    ----------
    filepath, metadata
        As for ``TableDataset``.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = require_local(filepath)
        self._table = TableDataset(filepath=filepath)
        self.metadata = metadata

    def load(self) -> TableParts | Failed:
        return self.failure() or TableParts.of_file(Path(self._filepath))

    def save(self, data: pa.Table | Failed) -> None:
        self._table.save(data)

    def failure(self) -> Failed | None:
        """Why it could not be made; None where it could."""
        return self._table.failure()

    def preview(self, nrows: int = 10) -> TablePreview:
        """First rows, for Kedro-Viz: it looks for this return type."""
        return self._table.preview(nrows)

    def _exists(self) -> bool:
        return bool(self._table.exists())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class TablesDataset(AbstractDataset[Tables | Failed, dict[str, Any] | Failed]):
    """Several named tables as one folder of Parquet files; the manifest is written last and makes it valid.

    Or why they could not be made. References to files of other datasets stay references: the manifest holds them, with
    paths relative to the folder.

    Parameters
    ----------
    filepath : str
        The folder.
    dictionaries : mapping of str to list of str, optional
        Text columns of tables that are loaded as numbers with a dictionary: much faster where few texts are in many rows.
    metadata : dict, optional
        Anything for other tools.
    """

    MANIFEST = "manifest.json"

    def __init__(
        self,
        *,
        filepath: str,
        dictionaries: Mapping[str, list[str]] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = require_local(filepath)
        self._dictionaries = dict(dictionaries or {})
        self.metadata = metadata

    def load(self) -> dict[str, Any] | Failed:
        folder = Path(self._filepath)
        if failed := self.failure():
            return failed
        if not self._exists():
            raise DatasetError(f"{folder} holds no {self.MANIFEST}: it was never written, or not to its end")
        manifest = read_json(folder / self.MANIFEST)
        tables: dict[str, pa.Table | Reference] = {}
        for name, n_rows in manifest.get("rows", {}).items():
            path = folder / f"{name}.parquet"
            table = tables[name] = read_parquet(path, read_dictionary=self._dictionaries.get(name))
            if table.num_rows != n_rows:
                raise DataError(str(path), f"has {table.num_rows} rows, {self.MANIFEST} says {n_rows}", AGAIN)
        for name, facts in manifest.get("parts", {}).items():
            parts = TableParts.from_json(facts, folder)
            tables[name] = parts.read_with_dictionaries(self._dictionaries.get(name, ()))
        for name, facts in manifest.get("encoders", {}).items():
            tables[name] = StoredEncoders.from_json(facts, folder)
        return tables

    def save(self, data: Tables | Failed) -> None:
        if isinstance(data, Failed):
            return store_failure(Path(self._filepath), data)
        here = Path(self._filepath)
        parts = {name: each.to_json(here) for name, each in data.items() if isinstance(each, TableParts)}
        encoders = {name: each.to_json(here) for name, each in data.items() if isinstance(each, StoredEncoders)}
        with write_atomically(here) as folder:
            folder.mkdir()
            tables = {name: table for name, table in data.items() if not isinstance(table, Reference)}
            for name, table in tables.items():
                write_parquet(table, folder / f"{name}.parquet")
            rows = {name: table.num_rows for name, table in tables.items()}
            facts = {"tables": list(data), "rows": rows, "parts": parts, "encoders": encoders}
            write_json(facts, folder / self.MANIFEST)
        forget_failure(Path(self._filepath))

    def failure(self) -> Failed | None:
        """Why they could not be made; None where they could."""
        return load_failure(Path(self._filepath))

    def preview(self, nrows: int = 10) -> TablePreview:
        """First rows of the first table, for Kedro-Viz."""
        tables = self.load()
        if isinstance(tables, Failed):
            return preview_failure(tables)
        first = next(iter(tables.values()))
        return preview_table((first.read() if isinstance(first, TableParts) else first)[:nrows])

    def _exists(self) -> bool:
        return (Path(self._filepath) / self.MANIFEST).is_file() and self.failure() is None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def preview_table(table: pa.Table) -> TablePreview:
    """Show a table in Kedro-Viz: ``index``, ``columns`` and ``data``."""
    frame = table.to_pandas()
    return TablePreview(json.loads(frame.to_json(orient="split", default_handler=str)))


def preview_failure(failed: Failed) -> TablePreview:
    """Show the reason why a table could not be made, in Kedro-Viz."""
    return preview_table(pa.table({"failed": [failed.reason]}))


def does_version_exist(find_load_path: Callable[[], PurePath]) -> bool:
    """Tell whether the file that a versioned dataset would load is there."""
    try:
        return Path(find_load_path()).is_file()
    except DatasetError:  # no version yet
        return False


def does_path_exist(path: str) -> bool:
    """Tell whether a file or folder is there (a named function: datasets are pickled)."""
    return Path(path).exists()
