"""Corpora at rest: documents as Parquet, tokens as a LineSentence folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import AbstractDataset, DatasetError

from emb_pipeline.datasets.placed import Placed, take_filepath
from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.sealed_files import AGAIN, add_seal, is_sealed, seal
from emb_pipeline.text.tokens import TokenCorpus

_SCHEMA = add_seal(pa.schema([("doc_id", pa.string()), ("text", pa.string())]))


class Documents:
    """The documents of a corpus, read from disk as they are iterated: pairs of doc_id and text."""

    _ROWS_AT_A_TIME = 1024

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[tuple[str, str]]:
        with self._open() as file:
            for group in range(file.num_row_groups):
                # Group by group: a reader of all of them reads the next ones ahead, however large they are.
                for batch in file.iter_batches(batch_size=self._ROWS_AT_A_TIME, row_groups=[group]):
                    yield from zip(batch.column("doc_id").to_pylist(), batch.column("text").to_pylist(), strict=True)

    def __len__(self) -> int:
        with self._open() as file:
            return int(file.metadata.num_rows)

    @contextmanager
    def _open(self) -> Iterator[pq.ParquetFile]:
        is_sealed(self.path)
        try:
            with pq.ParquetFile(self.path) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            raise DataError(str(self.path), f"is no Parquet file, or a damaged one ({error})", AGAIN) from error


class DocumentsDataset(Placed, AbstractDataset[Iterable[tuple[str, str]], Documents]):
    """A stream of (doc_id, text) as one Parquet file; neither writing nor reading holds the corpus in memory.

    A group of rows ends at 8,192 documents or 16 million characters, whichever comes first: memory has the bound of a group
    and one document, however long documents are.

    Parameters
    ----------
    filepath : str
        Where the file is, a path or a URL.
    metadata : dict, optional
        Anything for other tools.
    """

    _ROWS_PER_GROUP, _CHARACTERS_PER_GROUP = 8192, 1 << 24

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = take_filepath(filepath)
        self.metadata = metadata

    def load(self) -> Documents:
        with self.place.use() as path:
            documents = Documents(path)
            self.place.keep_for(documents)
        return documents

    def save(self, data: Iterable[tuple[str, str]]) -> None:
        with self.place.write() as target, write_atomically(target) as path:
            with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
                groups = _group_rows(data, self._ROWS_PER_GROUP, self._CHARACTERS_PER_GROUP)
                for table in map(_make_table, groups):  # no name for a group of rows, which would hold it
                    writer.write_table(table)
            seal(path)

    def _exists(self) -> bool:
        return self.place.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def _make_table(rows: list[tuple[str, str]]) -> pa.Table:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return pa.Table.from_arrays(columns, schema=_SCHEMA)


def _group_rows(rows: Iterable[tuple[str, str]], n_rows: int, n_characters: int) -> Iterator[list[tuple[str, str]]]:
    group: list[tuple[str, str]] = []
    length = 0
    for row in rows:
        group.append(row)
        length += len(row[1])
        if len(group) >= n_rows or length >= n_characters:
            yield group
            group, length = [], 0
    if group:
        yield group


class TokenCorpusDataset(Placed, AbstractDataset[TokenCorpus, TokenCorpus]):
    """A tokenized corpus: the folder that ``text.tokens`` writes.

    A node writes into a scratch folder; saving gives it its final name.

    Parameters
    ----------
    filepath : str
        The folder, a path or a URL.
    metadata : dict, optional
        Anything for other tools.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = take_filepath(filepath)
        self.metadata = metadata

    def load(self) -> TokenCorpus:
        if not self._exists():
            raise DatasetError(f"{self._filepath} holds no finished corpus; run `kedro run --pipelines ingest` first")
        with self.place.use() as folder:
            corpus = TokenCorpus(folder)
            self.place.keep_for(corpus)
        return corpus

    def save(self, data: TokenCorpus) -> None:
        with self.place.write() as path, write_atomically(path) as folder:
            shutil.move(data.folder, folder)

    def _exists(self) -> bool:
        return self.place.exists("manifest.json")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
