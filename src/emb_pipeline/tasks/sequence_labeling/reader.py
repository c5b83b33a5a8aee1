"""Sentences with a tag for each token: from CoNLL / IOB files, list columns, and docstrings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.docstrings import mentions
from emb_pipeline.readers.docstrings import packages as docstrings
from emb_pipeline.readers.docstrings.options import DocstringMentionsSource
from emb_pipeline.readers.files.named_files import NamedFile, named_files
from emb_pipeline.readers.formats.iob import IobSource, read_iob_sentences
from emb_pipeline.readers.registry import Reader, build_source_type
from emb_pipeline.readers.splits import split_name
from emb_pipeline.readers.tables.rows import read_values, require_named_split
from emb_pipeline.readers.tables.times import TimeColumn
from emb_pipeline.readers.tables.values import require_group
from emb_pipeline.tasks.audit.units import require_units
from emb_pipeline.tasks.examples.reader import (
    ExamplesReader,
    Tables,
    add_left_out,
    build_left_out_table,
    list_texts_outside_training,
    require_own_words,
)
from emb_pipeline.tasks.examples.sample import draw_rows
from emb_pipeline.tasks.sequence_labeling.audit import audit_sequence_labeling
from emb_pipeline.tasks.sequence_labeling.sources import READERS, TaggedSource
from emb_pipeline.text.hashing import hash_text
from emb_pipeline.text.seen import SEEN, find_seen_sentences
from emb_pipeline.text.tagging import OUTSIDE, is_tag

if TYPE_CHECKING:
    SequenceLabelingSource: TypeAlias = Any
else:
    SequenceLabelingSource = build_source_type(READERS.values())
"""Anything that sentences with a tag for each token can be read from."""

SENTENCES_SCHEMA = pa.schema(
    [
        ("example_id", pa.string()),
        ("text", pa.string()),
        ("tokens", pa.list_(pa.string())),
        ("tags", pa.list_(pa.string())),
        ("split", pa.string()),
    ]
)
"""``text`` is the sentence as it is in its source, so that it can be found in a corpus and kept out of it."""

GROUP = pa.field("group", pa.string())
"""A further column of sentences, where the source names groups."""
DOCUMENT = pa.field("document", pa.string())
"""A further column of sentences, where files mark documents that the source does not take for groups."""
Sentence: TypeAlias = tuple[str, int, list[str], list[str], str | None, str | None, datetime | None]
"""File, row, tokens, tags, split, group or document, and time."""
Tagged: TypeAlias = tuple[int, list[str], list[str], str | None, str | None, datetime | None]
"""Row, tokens, tags, split, group or document, and time."""


class SequenceLabelingReader(ExamplesReader):
    """Sentences with a tag for each token: table ``sentences``."""

    source_type = SequenceLabelingSource
    readers: ClassVar[Mapping[str, Reader]] = READERS

    def read(self, source: Any, raw: Path, project: Path, name: str, sample: int | None = None) -> dict[str, pa.Table]:
        """Read tagged sentences; some can be learnt from, and some resampled."""
        bad = BadRows.of(source)
        require_own_words(source, name)
        sentences = read_sequence_labeling(source, raw, project, bad, readers=self.readers)
        sentences = draw_rows(sentences, sample, ("text",), ("split",))
        columns = zip(sentences["tokens"].to_pylist(), sentences["split"].to_pylist(), strict=True)
        tokens = [(tuple(words), split == "test") for words, split in columns]
        require_units([words for words, tested in tokens if tested], name, "test sentences")
        require_units([words for words, tested in tokens if not tested], name, "training sentences")
        return {"sentences": sentences, SEEN: find_seen_sentences({"sentences": sentences})} | build_left_out_table(
            bad, sentences
        )

    def check_first_rows(self, source: Any, raw: Path, project: Path) -> None:
        """Check tokens, tags and splits."""
        check_first_rows(source, raw, project, readers=self.readers)

    def audit(self, tables: Tables) -> pa.Table:
        """Count duplicates, leakage, contradictions, repaired tags, and how many entities are new in the test part."""
        return add_left_out(audit_sequence_labeling(tables["sentences"], tables[SEEN]), tables)

    def list_held_out(self, tables: Tables) -> list[str]:
        """List sentences outside the training part."""
        return list_texts_outside_training(tables["sentences"])


def read_sequence_labeling(
    source: SequenceLabelingSource,
    raw: Path,
    project: Path,
    bad: BadRows | None = None,
    *,
    readers: Mapping[str, Reader] = READERS,
) -> pa.Table:
    """Read sentences with a tag for each token, as their files have them (`emb_pipeline.text.tagging` makes IOB2 of them).

    Parameters
    ----------
    source : SequenceLabelingSource
        Where the sentences and their splits are.
    raw : Path
        Folder that public sources are fetched to, on first use (``data/01_raw``).
    project : Path
        Folder that paths are relative to.
    bad : BadRows, optional
        Counts the sentences that are left out; by default as the source says.
    readers : mapping of str to Reader
        The registry of the kind of task.

    Returns
    -------
    pa.Table
        example_id, text, tokens (list of string), tags (list of string), split (train, validation, test); ``group`` where
        the source names groups, ``document`` where it does not and the files mark documents.

    Raises
    ------
    DataError
        A token or tag is empty, a tag is none of IOB, BIOES or BILOU, a sentence has more tokens than tags or fewer, no
        split is named, the training or test part is empty, there is no entity to learn, or a file is missing, damaged or
        not what the source says.
    """
    with bad or BadRows.of(source) as bad:
        found: pa.Table = readers[source.reader].read_examples(source, raw, project, bad)
    return found


def check_first_rows(
    source: SequenceLabelingSource, raw: Path, project: Path, *, readers: Mapping[str, Reader] = READERS
) -> None:
    """Check the first sentences of every file that is there; see `emb_pipeline.readers.files.named_files.first_rows`.

    Raises
    ------
    DataError
        As for `read_sequence_labeling`, except for what only the whole can tell.
    """
    with BadRows.of(source) as bad:
        readers[source.reader].check_first_rows(source, raw, project, bad)


def read_iob(source: IobSource, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read the sentences of IOB files."""
    sentences = _require_span_tags(read_iob_rows(source, raw, project, bad), bad, row_of_token=1)
    return build_sentences_table(sentences, source, bad, _require_entity)


def check_iob(source: IobSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first sentences."""
    for _ in _require_span_tags(read_iob_rows(source, raw, project, bad), bad, row_of_token=1):
        pass


def read_tagged_rows(source: TaggedSource, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read the sentences of rows with lists of tokens and tags."""
    sentences = _require_span_tags(read_list_rows(source, raw, project, bad), bad, row_of_token=0)
    return build_sentences_table(sentences, source, bad, _require_entity)


def check_tagged_rows(source: TaggedSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows."""
    for _ in _require_span_tags(read_list_rows(source, raw, project, bad), bad, row_of_token=0):
        pass


def read_docstrings(source: DocstringMentionsSource, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read the sentences of docstrings that mark up what they mention."""
    table = docstrings.build_docstring_table(source.packages, raw / docstrings.CACHE)
    found = mentions.build_mention_sentences(table, max_sentences=source.max_sentences, test_share=source.test_share)
    return found.cast(SENTENCES_SCHEMA)


def build_sentences_table(
    sentences: Iterable[Sentence], source: Any, bad: BadRows, require_learnable: Callable[[set[str], str], None]
) -> pa.Table:
    """Build the table of sentences, each part of which has some.

    Parameters
    ----------
    sentences : iterable of Sentence
        As they are read.
    source : Source
        Where they are from.
    bad : BadRows
        What it has collected is raised first.
    require_learnable : callable
        Refuses the tags of the training part, with the place of the source, where nothing can be learned from them.
    """
    rows = [
        (f"{name}:{row}", " ".join(tokens), tokens, tags, split, group, time)
        for name, row, tokens, tags, split, group, time in sentences
    ]
    bad.raise_all()
    place = source.origin
    for split in ("train", "test", *(source.splits or ())):
        if not any(row[4] == split for row in rows):
            raise DataError(place, f"the split '{split}' has no sentence", "correct 'splits' or the split column")
    require_learnable({tag for row in rows if row[4] == "train" for tag in row[3]}, place)
    schema = SENTENCES_SCHEMA
    if any(row[5] is not None for row in rows):
        schema = schema.append(DOCUMENT if source.group is None else GROUP)
    *columns, times = zip(*rows, strict=True)
    found = pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns[: len(schema)], schema, strict=True)], schema=schema
    )
    return TimeColumn(getattr(source, "time", None)).append(found, times, place)


def read_iob_rows(source: IobSource, raw: Path, project: Path, bad: BadRows) -> Iterator[Sentence]:
    """Stream the sentences of files with a token and its tag per line, whatever the tags are."""
    return read_sentences(source, raw, project, bad, _read_iob_sentences)


def read_list_rows(source: TaggedSource, raw: Path, project: Path, bad: BadRows) -> Iterator[Sentence]:
    """Stream the sentences of rows with lists of tokens and tags, whatever the tags are."""
    return read_sentences(source, raw, project, bad, _read_row_sentences)


def read_sentences(
    source: Any, raw: Path, project: Path, bad: BadRows, read: Callable[..., Iterator[Tagged]]
) -> Iterator[Sentence]:
    """Stream the sentences of all files, each with its split: named, of a column, or drawn.

    Raises
    ------
    DataError
        No split is named, or two ways to split.
    """
    has_split = source.splits is not None or getattr(source, "split_column", None) is not None
    if has_split and source.test_share is not None:
        raise DataError(source.origin, "a split is named, and a test_share", "leave one of them out")
    if not has_split and source.test_share is None:
        raise DataError(
            source.origin,
            "no split is named",
            "say 'splits: {train: …, test: …}', a glob of files for each (or 'split: <column>'), or 'test_share: 0.25': "
            "sentences are drawn",
        )
    groups = [(None, None)] if source.splits is None else list(source.splits.items())
    for split, glob in groups:
        for file in named_files(source, raw, project, glob=glob):
            for row, tokens, tags, own_split, group, time in read(file, source, bad):
                drawn = None if has_split else _draw_split(group or " ".join(tokens), source.test_share)
                yield file.name, row, tokens, tags, split or own_split or drawn, group, time


def _draw_split(key: str, test_share: float) -> str:
    """Draw the part of a sentence by hash: equal ones, and those of a document or group, come into one part."""
    return "test" if hash_text(f"test share {key}") / 2**64 < test_share else "train"


def _read_iob_sentences(file: NamedFile, source: IobSource, bad: BadRows) -> Iterator[Tagged]:
    for start, tokens, tags, document in read_iob_sentences(file, source, bad):
        yield start, tokens, tags, None, name_group(file, source.group, document), None


def name_group(file: NamedFile, by: str | None, document: int) -> str | None:
    """Name the group of a sentence: its file's document with that number, or its file; None where nothing groups it."""
    if by != "file" and (document or by):
        return f"{file.name}:document {document}"
    return file.name if by else None


def _read_row_sentences(file: NamedFile, source: TaggedSource, bad: BadRows) -> Iterator[Tagged]:
    require_named_split(file, source)
    times = TimeColumn(source.time)
    further = [column for column in (source.split_column, source.group, source.time) if column]
    wanted = (source.tokens, source.tags, *further)
    for row, (tokens, tags, *given) in read_values(file, source, wanted, bad):
        place = f"{file.name}, row {row}"
        if bad.leaves_out_empty and not (tokens and tags):
            bad.leave_out_empty(place)
            continue
        try:
            checked = _check_tagged_tokens(tokens, tags, source, place)
            of_row = dict(zip(further, given, strict=True))
            part = split_name(str(of_row[source.split_column]), place) if source.split_column else None
            group = require_group(of_row[source.group], place) if source.group else None
            time = times.parse(of_row.get(str(source.time)), place)
        except DataError as error:
            bad.take(error)
            continue
        yield row, *checked, part, group, time


def _check_tagged_tokens(tokens: object, tags: object, source: TaggedSource, place: str) -> tuple[list[str], list[str]]:
    for column, values in ((source.tokens, tokens), (source.tags, tags)):
        if isinstance(values, list) and values and all(isinstance(value, int) for value in values):
            raise DataError(
                place, f"{column} is a list of numbers", "name what they stand for: 'label_names: [O, B-…, I-…]', from 0 on"
            )
        if not isinstance(values, list) or not values or not all(isinstance(value, str) and value for value in values):
            raise DataError(place, f"{column} is not a list of words", "write one string for each token, none empty")
    tokens, tags = cast(list[str], tokens), cast(list[str], tags)
    if len(tokens) != len(tags):
        raise DataError(place, f"there are {len(tokens)} tokens and {len(tags)} tags", "give each token one tag")
    return tokens, tags


def _require_span_tags(sentences: Iterable[Sentence], bad: BadRows, *, row_of_token: int) -> Iterator[Sentence]:
    """Take sentences whose tags mark spans; each token is so many rows after the one before it."""
    for sentence in sentences:
        name, start, _, tags, *_ = sentence
        wrong = next((place for place, tag in enumerate(tags) if not is_tag(tag)), None)
        if wrong is None:
            yield sentence
            continue
        remedy = (
            "write IOB (or BIOES) tags, choose another column, or say 'kind: token_classification', where each token has a "
            "tag of its own"
        )
        place = f"{name}, row {start + wrong * row_of_token}"
        bad.take(DataError(place, f"tag '{tags[wrong]}' is not O, B-… or I-…", remedy))


def _require_entity(tags: set[str], place: str) -> None:
    if tags == {OUTSIDE}:
        raise DataError(place, "no token of the training part is in an entity", "check which column holds the tags")
