"""Corpora at rest: documents as Parquet, tokens as a LineSentence folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import AbstractDataset, DatasetError

from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.local_paths import require_local
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
            for batch in file.iter_batches(batch_size=self._ROWS_AT_A_TIME):
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


class DocumentsDataset(AbstractDataset[Iterable[tuple[str, str]], Documents]):
    """A stream of (doc_id, text) as one Parquet file; neither writing nor reading holds the corpus in memory.

    Parameters
    ----------
    filepath : str
        Where the file is.
    metadata : dict, optional
        Anything for other tools.
    """

    _ROWS_PER_GROUP = 8192

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = require_local(filepath)
        self.metadata = metadata

    def load(self) -> Documents:
        return Documents(Path(self._filepath))

    def save(self, data: Iterable[tuple[str, str]]) -> None:
        with write_atomically(Path(self._filepath)) as path:
            with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
                for rows in _group_rows(data, self._ROWS_PER_GROUP):
                    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
                    writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))
            seal(path)

    def _exists(self) -> bool:
        return Path(self._filepath).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def _group_rows(rows: Iterable[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    remaining = iter(rows)
    while group := list(islice(remaining, size)):
        yield group


class TokenCorpusDataset(AbstractDataset[TokenCorpus, TokenCorpus]):
    """A tokenized corpus: the folder that ``text.tokens`` writes.

    A node writes into a scratch folder; saving gives it its final name.

    Parameters
    ----------
    filepath : str
        The folder.
    metadata : dict, optional
        Anything for other tools.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = require_local(filepath)
        self.metadata = metadata

    def load(self) -> TokenCorpus:
        if not self._exists():
            raise DatasetError(f"{self._filepath} holds no finished corpus; run `kedro run --pipelines ingest` first")
        return TokenCorpus(Path(self._filepath))

    def save(self, data: TokenCorpus) -> None:
        with write_atomically(Path(self._filepath)) as folder:
            shutil.move(data.folder, folder)

    def _exists(self) -> bool:
        return (Path(self._filepath) / "manifest.json").is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
