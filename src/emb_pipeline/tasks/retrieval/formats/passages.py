"""Passages by id: rows of a file, or documents of a folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import named_files
from emb_pipeline.readers.formats.documents.source import read_documents
from emb_pipeline.readers.options import PlacedSource
from emb_pipeline.readers.tables.rows import read_identified_texts, table_of
from emb_pipeline.tasks.retrieval.sources import PassagesSource


def read_passages(source: PassagesSource, raw: Path, project: Path, bad: BadRows) -> dict[str, str]:
    """Read the passages by id; a document's id is its file's name."""
    if isinstance(source.passages, str):
        files = named_files(PlacedSource(path=source.passages), raw, project)
        return read_identified_texts(files, source.passage_id, source.text, partial(table_of, source=source), bad)
    with BadRows.of(source.passages) as of_documents:
        documents = dict(read_documents(source.passages, raw, project, of_documents))
    bad.add_counts(of_documents)
    return documents


def name_passages(source: PassagesSource) -> str:
    """Name the file or the folder of the passages."""
    return source.passages if isinstance(source.passages, str) else source.passages.origin
