"""A table in several Parquet files, one below the other, that is read when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emb_pipeline.errors import DataError
from emb_pipeline.storage.places import find_place
from emb_pipeline.storage.sealed_files import AGAIN, read_parquet

REMAKE = "make it again: kedro run --only-missing-outputs"


@dataclass(frozen=True)
class PartFile:
    """One file of a table, and the rows that it had when it was referred to."""

    path: Path
    n_rows: int


@dataclass(frozen=True)
class TableParts:
    """References to the files of a table: who gathers tables stores these, and no rows a second time.

    Attributes
    ----------
    schema : Schema
        Columns of each file.
    files : tuple of PartFile
        In the order of the rows.
    dictionaries : tuple of str
        Text columns that are read as numbers with a dictionary.
    """

    schema: pa.Schema
    files: tuple[PartFile, ...] = ()
    dictionaries: tuple[str, ...] = ()

    @classmethod
    def of_file(cls, path: Path) -> TableParts:
        """Refer to one file; nothing but its footer is read.

        Raises
        ------
        DataError
            The file is missing, or no Parquet file.
        """
        try:
            footer = pq.read_metadata(path)
        except (pa.ArrowException, OSError) as error:
            raise DataError(str(path), f"is missing, or no Parquet file ({error})", AGAIN) from error
        return cls(footer.schema.to_arrow_schema().remove_metadata(), (PartFile(path, footer.num_rows),))

    @classmethod
    def join(cls, schema: pa.Schema, parts: Iterable[TableParts]) -> TableParts:
        """Refer to the files of several tables, one below the other."""
        return cls(schema, tuple(file for each in parts for file in each.files))

    @property
    def num_rows(self) -> int:
        """Rows of all files."""
        return sum(file.n_rows for file in self.files)

    def read_with_dictionaries(self, columns: Iterable[str]) -> TableParts:
        """Refer to the same files, with text columns that are read as numbers with a dictionary."""
        return replace(self, dictionaries=tuple(columns))

    def read(self) -> pa.Table:
        """Read all files.

        Raises
        ------
        DataError
            A file is missing or damaged, or has another number of rows than when it was referred to.
        """
        return pa.concat_tables([self._build_empty_table(), *map(self._read_file, self.files)]).unify_dictionaries()

    def _build_empty_table(self) -> pa.Table:
        of_texts = pa.dictionary(pa.int32(), pa.string())
        fields = [field.with_type(of_texts) if field.name in self.dictionaries else field for field in self.schema]
        return pa.schema(fields).empty_table()

    def _read_file(self, file: PartFile) -> pa.Table:
        with find_place(file.path).use() as path:
            table = read_parquet(path, read_dictionary=self.dictionaries, use_threads=False, remedy=REMAKE)
        if table.num_rows != file.n_rows:
            raise DataError(str(file.path), f"has {table.num_rows} rows, {file.n_rows} were gathered", REMAKE)
        return table

    def to_json(self, folder: Path) -> dict[str, Any]:
        """Give the references as JSON values, with paths relative to a folder."""
        files = [{"path": os.path.relpath(file.path, folder), "rows": file.n_rows} for file in self.files]
        return {"schema": self.schema.serialize().to_pybytes().hex(), "files": files}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any], folder: Path) -> TableParts:
        """Read what `to_json` gave."""
        schema = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(facts["schema"])))
        return cls(schema, tuple(PartFile(_normalize(folder / each["path"]), each["rows"]) for each in facts["files"]))


def _normalize(path: Path) -> Path:
    return Path(os.path.normpath(path))
