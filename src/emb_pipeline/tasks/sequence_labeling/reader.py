"""Sentences with a tag for each token: from CoNLL / IOB files, list columns, and docstrings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.docstrings import mentions
from emb_pipeline.readers.docstrings import packages as docstrings
from emb_pipeline.readers.files import NamedFile, named_files
from emb_pipeline.readers.formats import markup
from emb_pipeline.readers.readings import (
    DocstringMentionsReading,
    IobReading,
    SequenceLabellingReading,
    TaggedReading,
    origin_of,
)
from emb_pipeline.readers.splits import split_name
from emb_pipeline.readers.tables import require_group, require_named_split, values_of_rows
from emb_pipeline.text.tagging import OUTSIDE, is_tag

SENTENCES_SCHEMA = pa.schema(
    [
        ("example_id", pa.string()),
        ("text", pa.string()),
        ("tokens", pa.list_(pa.string())),
        ("tags", pa.list_(pa.string())),
        ("split", pa.string()),
    ]
)
"""``text`` is the sentence as it stands in its source, so that it can be found in a corpus and kept out of it."""

GROUP = pa.field("group", pa.string())
"""A further column of sentences, where the reading names groups."""
DOCUMENT = pa.field("document", pa.string())
"""A further column of sentences, where files mark documents that the reading does not take for groups."""

_Sentence = tuple[str, int, list[str], list[str], str | None, str | None]
"""File, row, tokens, tags, split, and group or document."""


def read_sequence_labelling(
    reading: SequenceLabellingReading, raw: Path, project: Path, bad: BadRows | None = None
) -> pa.Table:
    """Read sentences with a tag for each token, as their files have them (`emb_pipeline.text.tagging` makes IOB2 of them).

    Parameters
    ----------
    reading : SequenceLabellingReading
        Where the sentences and their splits are.
    raw : Path
        Folder that public sources are fetched to, on first use (``data/01_raw``).
    project : Path
        Folder that paths are relative to.
    bad : BadRows, optional
        Counts the sentences that are left out; by default as the reading says.

    Returns
    -------
    pa.Table
        example_id, text, tokens (list of string), tags (list of string), split (train, validation, test); ``group`` where
        the reading names groups, ``document`` where it does not and the files mark documents.

    Raises
    ------
    DataError
        A token or tag is empty, a tag is none of IOB, BIOES or BILOU, a sentence has more tokens than tags or fewer, no
        split is named, the training or test part is empty, there is no entity to learn, or a file is missing, damaged or
        not what the reading says.
    """
    if isinstance(reading, DocstringMentionsReading):
        table = docstrings.docstring_table(reading.packages, raw / docstrings.CACHE)
        return mentions.mention_sentences(table, max_sentences=reading.max_sentences, test_share=reading.test_share).cast(
            SENTENCES_SCHEMA
        )
    place = str(reading.source or reading.path or reading.package)
    with bad or BadRows.of(reading) as bad:
        rows = [
            (f"{name}:{row}", " ".join(tokens), tokens, tags, split, group)
            for name, row, tokens, tags, split, group in _sentences(reading, raw, project, place, bad)
        ]
    for split in ("train", "test", *(reading.splits or ())):
        if not any(row[4] == split for row in rows):
            raise DataError(place, f"the split '{split}' has no sentence", "correct 'splits' or the split column")
    if all(tag == OUTSIDE for row in rows if row[4] == "train" for tag in row[3]):
        raise DataError(place, "no token of the training part is in an entity", "check which column holds the tags")
    schema = SENTENCES_SCHEMA
    if any(row[5] is not None for row in rows):
        schema = schema.append(DOCUMENT if reading.group is None else GROUP)
    columns = list(zip(*rows, strict=True))[: len(schema)]
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def check_first_rows(reading: SequenceLabellingReading, raw: Path, project: Path) -> None:
    """Check the first sentences of every file that is there; see `emb_pipeline.readers.files.first_rows`.

    Raises
    ------
    DataError
        As for `read_sequence_labelling`, except for what only the whole can tell.
    """
    if not isinstance(reading, DocstringMentionsReading):
        with BadRows.of(reading) as bad:
            for _ in _sentences(reading, raw, project, origin_of(reading), bad):
                pass


def _sentences(
    reading: IobReading | TaggedReading, raw: Path, project: Path, place: str, bad: BadRows
) -> Iterator[_Sentence]:
    if reading.splits is None and getattr(reading, "split", None) is None:
        raise DataError(
            place, "no split is named", "say 'splits: {train: …, test: …}', a glob of files for each (or 'split: <column>')"
        )
    groups = [(None, None)] if reading.splits is None else list(reading.splits.items())
    for split, glob in groups:
        for file in named_files(reading, raw, project, glob=glob):
            read: Any = _iob_sentences if isinstance(reading, IobReading) else _row_sentences
            found: Iterator[tuple[int, list[str], list[str], str | None, str | None]] = read(file, reading, bad)
            for row, tokens, tags, own_split, group in found:
                yield file.name, row, tokens, tags, split or own_split, group


def _iob_sentences(
    file: NamedFile, reading: IobReading, bad: BadRows
) -> Iterator[tuple[int, list[str], list[str], str | None, str | None]]:
    for start, tokens, tags, document in markup.iob_sentences(file, reading, bad):
        try:
            for row, tag in enumerate(tags, start):
                _require_tag(tag, f"{file.name}, row {row}")
        except DataError as error:
            bad.take(error)
            continue
        named = reading.group != "file" and (document or reading.group)
        group = f"{file.name}:document {document}" if named else file.name if reading.group else None
        yield start, tokens, tags, None, group


def _row_sentences(
    file: NamedFile, reading: TaggedReading, bad: BadRows
) -> Iterator[tuple[int, list[str], list[str], str | None, str | None]]:
    require_named_split(file, reading)
    further = [column for column in (reading.split, reading.group) if column]
    wanted = (reading.tokens, reading.tags, *further)
    for row, (tokens, tags, *given) in values_of_rows(file, reading, wanted, bad):
        place = f"{file.name}, row {row}"
        if bad.leaves_out_empty and not (tokens and tags):
            bad.leave_out_empty(place)
            continue
        try:
            checked = _tagged_tokens(tokens, tags, reading, place)
            part = split_name(str(given[0]), place) if reading.split else None
            group = require_group(given[-1], place) if reading.group else None
        except DataError as error:
            bad.take(error)
            continue
        yield row, *checked, part, group


def _tagged_tokens(tokens: object, tags: object, reading: TaggedReading, place: str) -> tuple[list[str], list[str]]:
    for column, values in ((reading.tokens, tokens), (reading.tags, tags)):
        if isinstance(values, list) and values and all(isinstance(value, int) for value in values):
            raise DataError(
                place, f"{column} is a list of numbers", "name what they stand for: 'label_names: [O, B-…, I-…]', from 0 on"
            )
        if not isinstance(values, list) or not values or not all(isinstance(value, str) and value for value in values):
            raise DataError(place, f"{column} is not a list of words", "write one string for each token, none empty")
    tokens, tags = cast(list[str], tokens), cast(list[str], tags)
    if len(tokens) != len(tags):
        raise DataError(place, f"there are {len(tokens)} tokens and {len(tags)} tags", "give each token one tag")
    for tag in tags:
        _require_tag(tag, place)
    return tokens, tags


def _require_tag(tag: str, place: str) -> None:
    if not is_tag(tag):
        raise DataError(place, f"tag '{tag}' is not O, B-… or I-…", "write IOB (or BIOES) tags, or choose another column")
