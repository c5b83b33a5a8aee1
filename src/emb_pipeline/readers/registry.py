"""The formats that texts are read from. A new one is one file, one line here, and its YAML (docs/add-a-reader.md).

Importing this loads neither numpy nor pyarrow: what reads a format is imported when it is first used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from importlib import import_module
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias, cast

from pydantic import BeforeValidator, Field

from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.docstrings.options import DocstringsSource, DocstringSubpackagesSource
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.formats.class_folders import ClassFoldersSource
from emb_pipeline.readers.formats.conllu import ConlluSource
from emb_pipeline.readers.formats.delimited import CsvSource, TsvSource
from emb_pipeline.readers.formats.documents.source import DocumentsSource
from emb_pipeline.readers.formats.fasttext import FastTextSource
from emb_pipeline.readers.formats.iob import IobSource
from emb_pipeline.readers.formats.json_lines import JsonlSource
from emb_pipeline.readers.formats.labeled_lines import LabeledLinesSource
from emb_pipeline.readers.formats.mediawiki_dump import MediawikiDumpSource
from emb_pipeline.readers.formats.medquad import MedquadSource
from emb_pipeline.readers.formats.parquet import ParquetSource
from emb_pipeline.readers.formats.pubmedqa import PubmedqaSource
from emb_pipeline.readers.formats.qmsum import QmsumSource
from emb_pipeline.readers.formats.reuters import ReutersSource
from emb_pipeline.readers.formats.text import TextSource
from emb_pipeline.readers.formats.wikiextractor import WikiExtractorSource
from emb_pipeline.readers.hf_dataset.source import HfDatasetSource
from emb_pipeline.readers.labeled_texts import LabeledText
from emb_pipeline.readers.mteb.source import MtebSource
from emb_pipeline.readers.options import Source
from emb_pipeline.readers.sql.source import SqlSource

_log = logging.getLogger(__name__)
TABLE_FORMATS = ("csv", "tsv", "jsonl", "parquet", "sql")
"""Readers of files of rows with named columns, which a suffix tells apart."""


class RowsOfFile(Protocol):
    """The rows of one file, of any format."""

    holds_texts: bool
    """True where all values are texts, as they are in the file."""

    def column_names(self, n_rows: int | None) -> list[str]:
        """List the names of the columns; where each row names its own, those of the first rows, or of all."""

    def rows(self, columns: Sequence[str], bad: BadRows | None) -> Iterator[tuple[int, tuple[object, ...]]]:
        """Stream row number and the values of some columns."""

    def label_names(self) -> dict[str, tuple[str, ...]]:
        """Find the names that the file itself has for labels that are numbers, by column."""


@dataclass(frozen=True)
class Reader:
    """One format, and all that can be read from it.

    Attributes
    ----------
    name : str
        As written in YAML, under ``reader:``.
    options : type of Source
        What YAML may say about it.
    documents : str
        ``module:name`` within the package of what streams id and text of each document; empty: no corpus is read from it.
    labeled_texts : str
        The same for labeled texts, which a classification is read from.
    rows : str
        The same for the rows of one file (`RowsOfFile`).
    examples : str
        What reads the examples of one kind of task; lines of a kind's own registry have it.
    first_rows : str
        What checks the first rows of the files of such a task; empty: they are not checked ahead.
    most_checked : int, optional
        Documents or labeled texts that are checked ahead, at most; by default all of the first rows.
    reads : tuple of str
        Other readers that it reads its files with.
    former_name : str
        A name that YAML may still use for it; empty: it has none.
    """

    name: str
    options: type[Source]
    documents: str = ""
    labeled_texts: str = ""
    rows: str = ""
    examples: str = ""
    first_rows: str = ""
    most_checked: int | None = None
    reads: tuple[str, ...] = ()
    former_name: str = ""

    def read_documents(self, source: Any, raw: Path, project: Path, bad: BadRows) -> Iterator[tuple[str, str]]:
        """Stream id and text of each document."""
        return cast("Iterator[tuple[str, str]]", _load(self.documents)(source, raw, project, bad))

    def read_labeled_texts(self, source: Any, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledText]:
        """Stream the labeled texts."""
        return cast("Iterator[LabeledText]", _load(self.labeled_texts)(source, raw, project, bad))

    def open_rows(self, file: NamedFile, source: Any) -> RowsOfFile:
        """Open the rows of one file."""
        return cast(RowsOfFile, _load(self.rows)(file, source))

    def read_examples(self, source: Any, raw: Path, project: Path, bad: BadRows) -> Any:
        """Read the examples of a task."""
        return _load(self.examples)(source, raw, project, bad)

    def check_first_rows(self, source: Any, raw: Path, project: Path, bad: BadRows) -> None:
        """Check the first rows of every file that is there; see `emb_pipeline.readers.files.named_files.first_rows`."""
        if self.first_rows:
            _load(self.first_rows)(source, raw, project, bad)


def by_name(*readers: Reader) -> Mapping[str, Reader]:
    """Key readers by their names."""
    return {reader.name: reader for reader in readers}


def build_source_type(readers: Iterable[Reader]) -> Any:
    """Build the type that YAML is validated with: a choice of the readers' options by ``reader:``."""
    lines = list(readers)
    options = [reader.options for reader in lines]
    if len(options) == 1:
        return options[0]
    names = {reader.former_name: reader.name for reader in lines if reader.former_name}

    def take_former_name(written: Any) -> Any:
        if isinstance(written, Mapping) and (name := names.get(str(written.get("reader")))):
            _log_former_name(written["reader"], name)
            return {**written, "reader": name}
        return written

    return Annotated[reduce(or_, options), Field(discriminator="reader"), BeforeValidator(take_former_name)]


@cache
def _log_former_name(former: str, name: str) -> None:
    _log.warning("reader '%s' is called '%s' now; the old name works for one minor version more", former, name)


def _load(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    return cast("Callable[..., Any]", getattr(import_module(f"emb_pipeline.{module}"), name))


READERS: Mapping[str, Reader] = by_name(
    Reader(
        "csv",
        CsvSource,
        documents="readers.tables.texts:read_documents",
        labeled_texts="readers.tables.texts:read_labeled_texts",
        rows="readers.formats.delimited:DelimitedRows",
    ),
    Reader(
        "tsv",
        TsvSource,
        documents="readers.tables.texts:read_documents",
        labeled_texts="readers.tables.texts:read_labeled_texts",
        rows="readers.formats.delimited:DelimitedRows",
    ),
    Reader(
        "jsonl",
        JsonlSource,
        documents="readers.tables.texts:read_documents",
        labeled_texts="readers.tables.texts:read_labeled_texts",
        rows="readers.formats.json_lines:JsonRows",
    ),
    Reader(
        "parquet",
        ParquetSource,
        documents="readers.tables.texts:read_documents",
        labeled_texts="readers.tables.texts:read_labeled_texts",
        rows="readers.formats.parquet:ParquetRows",
    ),
    Reader(
        "sql",
        SqlSource,
        documents="readers.tables.texts:read_documents",
        labeled_texts="readers.tables.texts:read_labeled_texts",
        rows="readers.sql.rows:SqlRows",
    ),
    Reader(
        "hf_dataset",
        HfDatasetSource,
        documents="readers.tables.texts:read_documents",
        labeled_texts="readers.tables.texts:read_labeled_texts",
        rows="readers.formats.parquet:ParquetRows",
    ),
    Reader(
        "mteb",
        MtebSource,
        labeled_texts="readers.mteb.texts:read_labeled_texts",
        rows="readers.formats.parquet:ParquetRows",
    ),
    Reader(
        "labeled_lines",
        LabeledLinesSource,
        documents="readers.formats.labeled_lines:read_documents",
        labeled_texts="readers.formats.labeled_lines:read_labeled_texts",
        former_name="labelled_lines",
    ),
    Reader(
        "fasttext",
        FastTextSource,
        documents="readers.formats.fasttext:read_documents",
        labeled_texts="readers.formats.fasttext:read_labeled_texts",
    ),
    Reader(
        "class_folders",
        ClassFoldersSource,
        documents="readers.formats.class_folders:read_documents",
        labeled_texts="readers.formats.class_folders:read_labeled_texts",
    ),
    Reader("wikiextractor", WikiExtractorSource, documents="readers.formats.wikiextractor:read_documents"),
    Reader(
        "mediawiki_dump", MediawikiDumpSource, documents="readers.formats.mediawiki_dump:read_documents", most_checked=20
    ),
    Reader("text", TextSource, documents="readers.formats.text:read_documents"),
    Reader("documents", DocumentsSource, documents="readers.formats.documents.source:read_documents"),
    Reader("iob", IobSource, documents="readers.formats.iob:read_documents"),
    Reader("conllu", ConlluSource, documents="readers.formats.conllu:read_documents"),
    Reader("medquad", MedquadSource, documents="readers.formats.medquad:read_documents"),
    Reader("qmsum", QmsumSource, documents="readers.formats.qmsum:read_documents"),
    Reader("reuters", ReutersSource, documents="readers.formats.reuters:read_documents"),
    Reader("docstrings", DocstringsSource, documents="readers.docstrings.packages:read_documents", most_checked=0),
    Reader("pubmedqa", PubmedqaSource, labeled_texts="readers.formats.pubmedqa:read_labeled_texts", most_checked=0),
    Reader(
        "docstring_subpackages",
        DocstringSubpackagesSource,
        labeled_texts="readers.docstrings.packages:read_labeled_texts",
        most_checked=0,
    ),
)
"""Readers of corpora and of labeled texts. Kinds of task have registries of their own (``tasks/<kind>/sources.py``)."""

if TYPE_CHECKING:
    CorpusSource: TypeAlias = Any
else:
    CorpusSource = build_source_type(reader for reader in READERS.values() if reader.documents)
"""Anything that unlabeled text can be read from."""
