"""The rows that a query gives."""

from __future__ import annotations

from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.formats.parquet import ParquetRows
from emb_pipeline.readers.options import TabularSource
from emb_pipeline.readers.sql.stored import store_answer


class SqlRows(ParquetRows):
    """The rows of the answer to one query, which is stored as Parquet."""

    def __init__(self, file: NamedFile, source: TabularSource) -> None:
        super().__init__(NamedFile(store_answer(file), file.name), source)
