"""From files to the documents of a corpus, streamed.

Bad input is refused with a `DataError` that names the file, the row and the way out. Rows count as a spreadsheet shows
them: the header is row 1.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.docstrings import packages as docstrings
from emb_pipeline.readers.files import NamedFile, decoded, lines, named_files, per_file, whole_content
from emb_pipeline.readers.formats import markup
from emb_pipeline.readers.formats.class_folders import class_folder_members, member_text
from emb_pipeline.readers.labeled_texts import labelled_lines
from emb_pipeline.readers.readings import (
    ClassFoldersReading,
    CorpusReading,
    CsvReading,
    DocstringsReading,
    FastTextReading,
    IobReading,
    JsonlReading,
    LabelledLinesReading,
    MediawikiDumpReading,
    MedquadReading,
    ParquetReading,
    TabularReading,
    TextReading,
    TsvReading,
    WikiExtractorReading,
    origin_of,
)
from emb_pipeline.readers.sampling import sampled_rows
from emb_pipeline.readers.tables import identifier, joined_columns
from emb_pipeline.text.hashing import text_hash
from emb_pipeline.text.words import mark_words, sentence_key, tokenize

_LOG = logging.getLogger(__name__)
_FIRST_ARTICLES = 20


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
        with BadRows.of(reading) as bad:
            for doc_id, text in _DOCUMENTS[type(reading)](reading, raw, project, bad):
                if text and not text.isspace():
                    yield f"{prefix}:{doc_id}", mark_words(text) if _has_words(reading) else text
        if bad.n_skipped:
            _LOG.warning(
                "%s: %d rows were left out ('on_error: skip'); the first: %s", prefix, bad.n_skipped, bad.skipped[0]
            )


def _has_words(reading: CorpusReading) -> bool:
    return not isinstance(reading, DocstringsReading) and reading.tokenizer == "whitespace"


def check_first_rows(reading: CorpusReading, raw: Path, project: Path) -> None:
    """Check the first rows of every file that is there; see `emb_pipeline.readers.files.first_rows`.

    Raises
    ------
    DataError
        As for `read_documents`.
    """
    if not isinstance(reading, DocstringsReading):
        # Taking the mark-up off an article costs as much as reading a thousand rows.
        at_most = _FIRST_ARTICLES if isinstance(reading, MediawikiDumpReading) else None
        for _ in islice(read_documents([reading], raw, project), at_most):
            pass


def _row_documents(reading: TabularReading, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    columns = reading.text_columns
    seen: set[int] = set()
    for file in named_files(reading, raw, project):
        for number, values, given in sampled_rows(file, reading, columns, (reading.id,), bad):
            if reading.id is None:
                yield f"{file.name}:{number}", joined_columns(values)
                continue
            doc_id = identifier(given[reading.id])
            key = text_hash(doc_id)
            if key in seen:
                bad.take(
                    DataError(
                        f"{file.name}, row {number}",
                        f"id '{doc_id}' stands there a second time",
                        f"name a column with unique ids, or leave 'id: {reading.id}' out",
                    )
                )
                continue
            seen.add(key)
            yield doc_id, joined_columns(values)


def _line_documents(
    reading: LabelledLinesReading | FastTextReading, raw: Path, project: Path, bad: BadRows
) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        for number, text, _ in labelled_lines(file, reading, bad):
            yield f"{file.name}:{number}", text


def _class_folder_documents(
    reading: ClassFoldersReading, raw: Path, project: Path, bad: BadRows
) -> Iterator[tuple[str, str]]:
    for place, path, content in class_folder_members(reading, raw, project):
        try:
            text = member_text(content, reading, place)
        except DataError as error:
            bad.take(error)
            continue
        yield str(path), text


def _wikiextractor_documents(
    reading: WikiExtractorReading, raw: Path, project: Path, bad: BadRows
) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        yield from markup.wikiextractor_articles(file, reading.encoding)


def _dump_documents(reading: MediawikiDumpReading, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        yield from markup.dump_articles(file)


def _text_documents(reading: TextReading, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        yield from _texts_of(file, reading)


@per_file
def _texts_of(file: NamedFile, reading: TextReading) -> Iterator[tuple[str, str]]:
    if reading.document == "file":
        yield file.name, decoded(whole_content(file), reading.encoding, file.name)
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


def _iob_documents(reading: IobReading, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    seen: set[int] = set()
    for file in named_files(reading, raw, project):
        for number, tokens, *_ in markup.iob_sentences(file, reading, bad):
            text = " ".join(tokens)
            key = sentence_key(tokenize(text))
            if key not in seen:
                seen.add(key)
                yield f"{file.name}:{number}", text


def _medquad_documents(reading: MedquadReading, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    for file in named_files(reading, raw, project):
        for _, pair_id, _, answer in markup.medquad_pairs(file):
            yield pair_id, answer


def _docstring_documents(reading: DocstringsReading, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    return docstrings.documents(docstrings.docstring_table(reading.packages, raw / docstrings.CACHE))


_DOCUMENTS: dict[type, Callable[[Any, Path, Path, BadRows], Iterator[tuple[str, str]]]] = {
    CsvReading: _row_documents,
    TsvReading: _row_documents,
    JsonlReading: _row_documents,
    ParquetReading: _row_documents,
    LabelledLinesReading: _line_documents,
    FastTextReading: _line_documents,
    ClassFoldersReading: _class_folder_documents,
    WikiExtractorReading: _wikiextractor_documents,
    MediawikiDumpReading: _dump_documents,
    TextReading: _text_documents,
    IobReading: _iob_documents,
    MedquadReading: _medquad_documents,
    DocstringsReading: _docstring_documents,
}
