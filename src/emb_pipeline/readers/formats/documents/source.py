"""A folder of documents, each file one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.content import read_content
from emb_pipeline.readers.files.lines import decode_text
from emb_pipeline.readers.files.named_files import NamedFile, named_files, per_file
from emb_pipeline.readers.files.signatures import PACKED
from emb_pipeline.readers.formats.documents.markdown import convert_markdown
from emb_pipeline.readers.formats.documents.pdf import read_pdf
from emb_pipeline.readers.formats.documents.web_page import convert_web_page
from emb_pipeline.readers.formats.documents.word import read_word
from emb_pipeline.readers.options import LenientSource, PlacedSource


class DocumentFolder(LenientSource, PlacedSource):
    """A folder of documents: Markdown, HTML, plain text, Word (docx) and PDF, by suffix."""

    encoding: str = Field(default="utf-8", description="encoding of Markdown, HTML and plain text")


class DocumentsSource(DocumentFolder):
    """A folder of documents: Markdown, HTML, plain text, Word (docx) and PDF, by suffix. A document's id is its file's name.

    Headings of every format become lines that start with ``#``, as in Markdown. PDF needs the extra ``documents``.
    """

    reader: Literal["documents"] = "documents"


_TEXTS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        ".md": convert_markdown,
        ".markdown": convert_markdown,
        ".html": convert_web_page,
        ".htm": convert_web_page,
        ".xhtml": convert_web_page,
        ".txt": str,
        ".text": str,
    }
)
_FILES: Mapping[str, Callable[[NamedFile], str]] = MappingProxyType({".docx": read_word, ".pdf": read_pdf})
SUFFIXES = (*_TEXTS, *_FILES)
"""Of files that are read as documents."""


def read_documents(source: DocumentFolder, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
    """Stream name and text of each document."""
    for file in named_files(source, raw, project):
        yield from _read_document(file, source, bad)


def list_document_names(source: DocumentFolder, raw: Path, project: Path) -> list[str]:
    """List the names of the documents, without reading them."""
    return [file.name for file in named_files(source, raw, project)]


@per_file
def _read_document(file: NamedFile, source: DocumentFolder, bad: BadRows) -> Iterator[tuple[str, str]]:
    try:
        text = _read_text(file, source.encoding)
        if not text.strip():
            if bad.leaves_out_empty:
                bad.leave_out_empty(file.name)
                return
            raise _no_text(file)
    except DataError as error:
        bad.take(error)
        return
    yield file.name, text


def _read_text(file: NamedFile, encoding: str) -> str:
    suffix = _find_suffix(file.path)
    if suffix in _FILES and file.path.suffix in PACKED:
        raise DataError(file.name, "it is compressed, which Word documents and PDF are themselves", "unpack it")
    if suffix in _FILES:
        return _FILES[suffix](file)
    if suffix not in _TEXTS:
        raise DataError(
            file.name,
            f"it is no document that can be read; these are: {', '.join(SUFFIXES)}",
            "name the documents, with 'files: \"**/*.md\"' for instance, or say 'on_error: skip'",
        )
    return _TEXTS[suffix](decode_text(read_content(file), encoding, file.name))


def _find_suffix(path: Path) -> str:
    """Find what a file's name ends on, below the suffix of its compression."""
    return (Path(path.stem) if path.suffix in PACKED else path).suffix.casefold()


def _no_text(file: NamedFile) -> DataError:
    is_pdf = _find_suffix(file.path) == ".pdf"
    remedy = "recognize its characters first (it is a scan), or" if is_pdf else "write it or"
    return DataError(file.name, "the document has no text", f"{remedy} say 'empty: leave_out'")
