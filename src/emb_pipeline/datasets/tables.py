"""Arrow tables at rest: one Parquet file, a folder of named ones, or references to files of other datasets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from emb_pipeline.datasets.placed import Placed, PlacedVersions, take_filepath
from emb_pipeline.embeddings.stored_encoders import StoredEncoders
from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.failures import Failed
from emb_pipeline.storage.sealed_files import AGAIN, read_json, read_parquet, write_json, write_parquet
from emb_pipeline.storage.table_parts import TableParts

Reference: TypeAlias = TableParts | StoredEncoders
Tables: TypeAlias = Mapping[str, pa.Table | Reference]


class TableDataset(PlacedVersions):
    """One table as one Parquet file, written atomically; or why it could not be made."""

    def load(self) -> pa.Table | Failed:
        if failed := self.failure():
            return failed
        with self._use() as path:
            if not path.is_file():
                raise DatasetError(f"{path} is not there: it was never written")
            return read_parquet(path)

    def save(self, data: pa.Table | pd.DataFrame | Failed) -> None:
        if isinstance(data, Failed):
            return self.place.store_failure(data)
        table = data if isinstance(data, pa.Table) else pa.Table.from_pandas(data, preserve_index=False)
        with self._write() as target, write_atomically(target) as path:
            write_parquet(table, path)

    def preview(self, nrows: int = 10) -> TablePreview:
        """First rows, for Kedro-Viz: it looks for this return type."""
        table = self.load()
        return preview_failure(table) if isinstance(table, Failed) else preview_table(table.slice(0, nrows))


class CsvDataset(Placed, AbstractDataset[pd.DataFrame, pd.DataFrame]):
    """One table as comma-separated values, for spreadsheets and people.

    Parameters
    ----------
    filepath : str
        Where the file is, a path or a URL.
    metadata : dict, optional
        Anything for other tools, such as Kedro-Viz's layer.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = take_filepath(filepath)
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        with self.place.use() as path:
            return pd.read_csv(path)

    def save(self, data: pd.DataFrame) -> None:
        with self.place.write() as target, write_atomically(target) as path:
            data.to_csv(path, index=False)

    def preview(self, nrows: int = 10) -> TablePreview:
        """First rows, for Kedro-Viz: it looks for this return type."""
        return preview_table(pa.Table.from_pandas(self.load().head(nrows), preserve_index=False))

    def _exists(self) -> bool:
        return self.place.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class TablePartDataset(Placed, AbstractDataset[pa.Table | Failed, TableParts | Failed]):
    """One table as one Parquet file, which is loaded as a reference: who gathers tables needs no rows.

    Parameters
    ----------
    filepath, metadata
        As for `emb_pipeline.datasets.placed.PlacedVersions`.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = take_filepath(filepath)
        self._table = TableDataset(filepath=filepath)
        self.metadata = metadata

    def load(self) -> TableParts | Failed:
        if failed := self.failure():
            return failed
        with self.place.use() as path:
            return TableParts.of_file(path)

    def save(self, data: pa.Table | Failed) -> None:
        self._table.save(data)

    def preview(self, nrows: int = 10) -> TablePreview:
        """First rows, for Kedro-Viz: it looks for this return type."""
        return self._table.preview(nrows)

    def _exists(self) -> bool:
        return bool(self._table.exists())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class TablesDataset(Placed, AbstractDataset[Tables | Failed, dict[str, Any] | Failed]):
    """Several named tables as one folder of Parquet files; the manifest is written last and makes it valid.

    Or why they could not be made. References to files of other datasets stay references: the manifest holds them, with
    paths relative to the folder.

    Parameters
    ----------
    filepath : str
        The folder, a path or a URL.
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
        self._filepath = take_filepath(filepath)
        self._dictionaries = dict(dictionaries or {})
        self.metadata = metadata

    def load(self) -> dict[str, Any] | Failed:
        if failed := self.failure():
            return failed
        if not self._exists():
            raise DatasetError(f"{self._filepath} holds no {self.MANIFEST}: it was never written, or not to its end")
        with self.place.use() as folder:
            return self._read(folder)

    def _read(self, folder: Path) -> dict[str, Any]:
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
            return self.place.store_failure(data)
        with self.place.write() as here:
            self._write(data, here)
        self.place.forget_failure()

    def _write(self, data: Tables, here: Path) -> None:
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

    def preview(self, nrows: int = 10) -> TablePreview:
        """First rows of the first table, for Kedro-Viz."""
        tables = self.load()
        if isinstance(tables, Failed):
            return preview_failure(tables)
        first = next(iter(tables.values()))
        return preview_table((first.read() if isinstance(first, TableParts) else first)[:nrows])

    def _exists(self) -> bool:
        return self.place.exists(self.MANIFEST)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def preview_table(table: pa.Table) -> TablePreview:
    """Show a table in Kedro-Viz: ``index``, ``columns`` and ``data``."""
    frame = table.to_pandas()
    return TablePreview(json.loads(frame.to_json(orient="split", default_handler=str)))


def preview_failure(failed: Failed) -> TablePreview:
    """Show the reason why a table could not be made, in Kedro-Viz."""
    return preview_table(pa.table({"failed": [failed.reason]}))
