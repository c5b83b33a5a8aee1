"""Arrow tables at rest: one Parquet file, or a folder of named ones."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import AbstractDataset, AbstractVersionedDataset, DatasetError, Version

from emb_pipeline.atomic import atomic_path


class TableDataset(AbstractVersionedDataset[pa.Table, pa.Table]):
    """One table as one Parquet file, written atomically.

    Parameters
    ----------
    filepath : str
        Where the file lies.
    version : Version, optional
        Set by Kedro for an entry with ``versioned: true``.
    metadata : dict, optional
        Anything for other tools, such as Kedro-Viz's layer.
    """

    def __init__(self, *, filepath: str, version: Version | None = None, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(
            filepath=PurePosixPath(filepath), version=version, exists_function=path_exists, glob_function=glob.glob
        )
        self.metadata = metadata

    def load(self) -> pa.Table:
        return pq.read_table(str(self._get_load_path()))

    def save(self, data: pa.Table | pd.DataFrame) -> None:
        table = data if isinstance(data, pa.Table) else pa.Table.from_pandas(data, preserve_index=False)
        with atomic_path(Path(self._get_save_path())) as path:
            pq.write_table(table, str(path), compression="zstd")

    def preview(self, nrows: int = 10) -> dict[str, Any]:
        """The first rows, for Kedro-Viz."""
        frame = self.load().slice(0, nrows).to_pandas()
        rows: dict[str, Any] = json.loads(frame.to_json(orient="split", default_handler=str))
        return rows

    def _exists(self) -> bool:
        return version_exists(self)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "version": self._version}


class TablesDataset(AbstractDataset[Mapping[str, pa.Table], dict[str, pa.Table]]):
    """Several named tables as one folder of Parquet files; the manifest is written last and makes it valid.

    Parameters
    ----------
    filepath : str
        The folder.
    dictionaries : mapping of str to list of str, optional
        Text columns of tables that are loaded as numbers with a dictionary: much faster where few texts stand in many rows.
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
        self._filepath = PurePosixPath(filepath)
        self._dictionaries = dict(dictionaries or {})
        self.metadata = metadata

    def load(self) -> dict[str, pa.Table]:
        folder = Path(self._filepath)
        try:
            manifest = json.loads((folder / self.MANIFEST).read_text())
        except FileNotFoundError as error:
            raise DatasetError(f"{folder} holds no {self.MANIFEST}: it was never written, or not to its end") from error
        return {
            name: pq.read_table(folder / f"{name}.parquet", read_dictionary=self._dictionaries.get(name))
            for name in manifest["tables"]
        }

    def save(self, data: Mapping[str, pa.Table]) -> None:
        with atomic_path(Path(self._filepath)) as folder:
            folder.mkdir()
            for name, table in data.items():
                pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
            rows = {name: table.num_rows for name, table in data.items()}
            (folder / self.MANIFEST).write_text(json.dumps({"tables": list(data), "rows": rows}, indent=1))

    def _exists(self) -> bool:
        return (Path(self._filepath) / self.MANIFEST).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def version_exists(dataset: AbstractVersionedDataset[Any, Any]) -> bool:
    """Whether the file that the dataset would load is there."""
    try:
        return Path(dataset._get_load_path()).is_file()
    except DatasetError:  # no version yet
        return False


def path_exists(path: str) -> bool:
    """Whether a file or folder is there (a named function: datasets are pickled)."""
    return Path(path).exists()
