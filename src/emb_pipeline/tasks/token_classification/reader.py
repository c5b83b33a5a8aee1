"""Sentences with a tag of its own for each word: from CoNLL-U and other columns, and from list columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.formats.conllu import read_conllu_sentences
from emb_pipeline.readers.registry import Reader, build_source_type
from emb_pipeline.tasks.examples.reader import Tables, add_left_out
from emb_pipeline.tasks.sequence_labeling.reader import (
    SequenceLabelingReader,
    Tagged,
    build_sentences_table,
    name_group,
    read_iob_rows,
    read_list_rows,
    read_sentences,
)
from emb_pipeline.tasks.sequence_labeling.sources import TaggedIobSource, TaggedSource
from emb_pipeline.tasks.token_classification.audit import audit_token_classification
from emb_pipeline.tasks.token_classification.sources import READERS, TaggedConlluSource
from emb_pipeline.text.seen import SEEN

if TYPE_CHECKING:
    TokenClassificationSource: TypeAlias = Any
else:
    TokenClassificationSource = build_source_type(READERS.values())
"""Anything that sentences with a tag for each word can be read from."""


class TokenClassificationReader(SequenceLabelingReader):
    """Sentences with a tag for each word: table ``sentences``, as for entities."""

    source_type = TokenClassificationSource
    readers: ClassVar[Mapping[str, Reader]] = READERS

    def audit(self, tables: Tables) -> pa.Table:
        """Count tags, duplicates, leakage, contradictions, and words that are new in the test part."""
        return add_left_out(audit_token_classification(tables["sentences"], tables[SEEN]), tables)


def read_tags_of_conllu(source: TaggedConlluSource, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read the sentences of CoNLL-U files."""
    sentences = read_sentences(source, raw, project, bad, _read_conllu_sentences)
    return build_sentences_table(sentences, source, bad, _require_two_tags)


def check_tags_of_conllu(source: TaggedConlluSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first sentences."""
    for _ in read_sentences(source, raw, project, bad, _read_conllu_sentences):
        pass


def read_tags_of_lines(source: TaggedIobSource, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read the sentences of files with a word and its tag per line."""
    return build_sentences_table(read_iob_rows(source, raw, project, bad), source, bad, _require_two_tags)


def check_tags_of_lines(source: TaggedIobSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first sentences."""
    for _ in read_iob_rows(source, raw, project, bad):
        pass


def read_tags_of_rows(source: TaggedSource, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read the sentences of rows with lists of words and tags."""
    return build_sentences_table(read_list_rows(source, raw, project, bad), source, bad, _require_two_tags)


def check_tags_of_rows(source: TaggedSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows."""
    for _ in read_list_rows(source, raw, project, bad):
        pass


def _read_conllu_sentences(file: NamedFile, source: TaggedConlluSource, bad: BadRows) -> Iterator[Tagged]:
    for start, words, tags, document in read_conllu_sentences(file, source, bad):
        yield start, words, tags, None, name_group(file, source.group, document), None


def _require_two_tags(tags: set[str], place: str) -> None:
    if len(tags) < 2:
        only = f"'{next(iter(tags))}'" if tags else "none"
        raise DataError(place, f"the training part has one tag alone: {only}", "check which column holds the tags")
