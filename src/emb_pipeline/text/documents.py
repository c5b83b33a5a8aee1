"""From files to the documents of a corpus, streamed.

Bad input is refused with a `DataError` that names the file, the row and the way out. Rows count as a spreadsheet shows
them: the header is row 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from emb_pipeline.text import docstrings, markup
from emb_pipeline.text.class_folders import class_folder_members, member_text
from emb_pipeline.text.errors import DataError
from emb_pipeline.text.files import decoded, lines, named_files, opened
from emb_pipeline.text.hashing import text_hash
from emb_pipeline.text.readings import (
    ClassFoldersReading,
    CorpusReading,
    CsvReading,
    DocstringsReading,
    IobReading,
    JsonlReading,
    MediawikiDumpReading,
    MedquadReading,
    ParquetReading,
    TabularReading,
    TextReading,
    TsvReading,
    WikiExtractorReading,
    origin_of,
)
from emb_pipeline.text.sampling import sampled_rows
from emb_pipeline.text.tables import joined_columns
from emb_pipeline.text.tokens import sentence_key, tokenize


def read_documents(readings: Sequence[CorpusReading], raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    """Stream the documents of a corpus.

    Documents without text (a record without an abstract) are passed over: nothing is learned from them.

    Parameters
    ----------
    readings : sequence of CorpusReading
        Where the text is; read one after the other.
    raw : Path
        Folder that public sources are fetched to, on first use (``data/01_raw``).
    project : Path
        Folder that paths are relative to.

    Yields
    ------
    doc_id : str
        Unique; starts with the source, path or package that the document comes from.
    text : str
        The document; paragraphs are separated by blank lines.

    Raises
    ------
    DataError
        A file is missing, damaged or not what the reading says.
    """
    prefixes: dict[str, int] = {}
    for reading in readings:
        prefix = origin_of(reading)
        prefixes[prefix] = prefixes.get(prefix, 0) + 1
        if prefixes[prefix] > 1:
            prefix = f"{prefix}~{prefixes[prefix]}"
        for doc_id, text in _DOCUMENTS[type(reading)](reading, raw, project):
            if text and not text.isspace():
                yield f"{prefix}:{doc_id}", text


def _row_documents(reading: TabularReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    columns = reading.text_columns
    seen: set[int] = set()
    for file in named_files(reading, raw, project):
        for number, values, given in sampled_rows(file, reading, columns, (reading.id,)):
            if reading.id is None:
                yield f"{file.name}:{number}", joined_columns(values)
                continue
            key = text_hash(given[reading.id])
            if key in seen:
                raise DataError(
                    f"{file.name}, row {number}",
                    f"id '{given[reading.id]}' stands there a second time",
                    f"name a column with unique ids, or leave 'id: {reading.id}' out",
                )
            seen.add(key)
            yield given[reading.id], joined_columns(values)


def _class_folder_documents(reading: ClassFoldersReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    for place, path, content in class_folder_members(reading, raw, project):
        yield str(path), member_text(content, reading, place)


def _wikiextractor_documents(reading: WikiExtractorReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        yield from markup.wikiextractor_articles(file)


def _dump_documents(reading: MediawikiDumpReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        yield from markup.dump_articles(file)


def _text_documents(reading: TextReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        if reading.document == "file":
            with opened(file) as content:
                yield file.name, decoded(content.read(), reading.encoding, file.name)
        elif reading.document == "line":
            for number, line in enumerate(lines(file, reading.encoding), 1):
                yield f"{file.name}:{number}", line
        else:
            yield from _blocks(file.name, lines(file, reading.encoding))


def _blocks(name: str, content: Iterable[str]) -> Iterator[tuple[str, str]]:
    block: list[str] = []
    start = 1
    for number, line in enumerate(content, 1):
        if not line.isspace():
            block.append(line)
        elif block:
            yield f"{name}:{start}", "".join(block)
            block = []
        if not block:
            start = number + 1
    if block:
        yield f"{name}:{start}", "".join(block)


def _iob_documents(reading: IobReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    seen: set[int] = set()
    for file in named_files(reading, raw, project):
        for number, tokens, _ in markup.iob_sentences(file, reading):
            text = " ".join(tokens)
            key = sentence_key(tokenize(text))
            if key not in seen:
                seen.add(key)
                yield f"{file.name}:{number}", text


def _medquad_documents(reading: MedquadReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        for _, pair_id, _, answer in markup.medquad_pairs(file):
            yield pair_id, answer


def _docstring_documents(reading: DocstringsReading, raw: Path, project: Path) -> Iterator[tuple[str, str]]:
    return docstrings.documents(docstrings.docstring_table(reading.packages, raw / docstrings.CACHE))


_DOCUMENTS: dict[type, Callable[[Any, Path, Path], Iterator[tuple[str, str]]]] = {
    CsvReading: _row_documents,
    TsvReading: _row_documents,
    JsonlReading: _row_documents,
    ParquetReading: _row_documents,
    ClassFoldersReading: _class_folder_documents,
    WikiExtractorReading: _wikiextractor_documents,
    MediawikiDumpReading: _dump_documents,
    TextReading: _text_documents,
    IobReading: _iob_documents,
    MedquadReading: _medquad_documents,
    DocstringsReading: _docstring_documents,
}
