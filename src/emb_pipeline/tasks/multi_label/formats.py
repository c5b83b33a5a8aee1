"""Texts with any number of labels, streamed from rows and from public data sets."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import named_files
from emb_pipeline.readers.formats.hallmarks import read_sentences
from emb_pipeline.readers.formats.reuters import read_articles
from emb_pipeline.readers.options import TabularSource
from emb_pipeline.readers.splits import list_split_files, split_name
from emb_pipeline.readers.tables.rows import name_label, read_values, require_named_split
from emb_pipeline.readers.tables.times import TimeColumn
from emb_pipeline.readers.tables.values import identifier, is_missing, join_columns, text_of

_LISTS = "[("
_YES, _NO = ("1", "true"), ("", "0", "false")


class LabeledSet(NamedTuple):
    """A text with its labels. ``place`` is for messages; split, group and time are None where the source has none."""

    place: str
    example_id: str
    text: str
    labels: tuple[str, ...]
    split: str | None
    group: str | None
    time: datetime | None = None


def read_rows(source: Any, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledSet]:
    """Stream the text of each row that the sample takes, with its labels."""
    label_columns: Sequence[str] = source.label_columns or (source.label,)
    # The names are for the single labels of a cell, not for all of it.
    unnamed = source.model_copy(update={"label_names": None})
    by, times = source.sample.by if source.sample else None, TimeColumn(source.time)
    for split_of_files, glob in list_split_files(source.splits):
        for file in named_files(source, raw, project, glob=glob):
            require_named_split(file, source)
            named = (source.id, source.split_column, source.group, source.time, by)
            further = [column for column in named if column is not None]
            columns = [*source.text_columns, *label_columns, *further]
            for number, values in read_values(file, unnamed, columns, bad):
                place = f"{file.name}, row {number}"
                try:
                    of_row = dict(zip(columns, values, strict=True))
                    given = {name: text_of(of_row[name], place, name) for name in further}
                    draw_by = f"{file.name}:{number}" if by is None else given[by]
                    if source.sample is not None and not source.sample.draws(draw_by):
                        continue
                    text = join_columns(text_of(of_row[name], place, name) for name in source.text_columns)
                    labels = _read_labels([of_row[name] for name in label_columns], source, place)
                    split = split_name(given[source.split_column], place) if source.split_column else split_of_files
                    time = times.parse(given.get(source.time), place)
                except DataError as error:
                    bad.take(error)
                    continue
                example_id = f"{file.name}:{number}" if source.id is None else identifier(given[source.id])
                group = given[source.group] if source.group else None
                yield LabeledSet(place, example_id, text, labels, split, group, time)


def read_reuters(source: Any, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledSet]:
    """Stream the articles of ModApte's split, with their topics; those that it leaves out are left out."""
    for file in named_files(source, raw, project):
        for article in read_articles(file, source.encoding):
            if article.split is not None and article.text:
                yield LabeledSet(article.place, article.article_id, article.text, article.topics, article.split, None)


def read_hallmarks(source: Any, raw: Path, project: Path, bad: BadRows) -> Iterator[LabeledSet]:
    """Stream the sentences of all abstracts, with their labels down to the level of the source."""
    for file in named_files(source, raw, project):
        for sentence in read_sentences(file):
            labels = tuple(" / ".join(path[: source.level]) for path in sentence.labels)
            example_id = f"{sentence.document}:{sentence.number}"
            yield LabeledSet(sentence.place, example_id, sentence.text, labels, None, sentence.document)


def _read_labels(values: Sequence[object], source: Any, place: str) -> tuple[str, ...]:
    """Read the labels of a row."""
    if source.label_columns is not None:
        columns: Sequence[str] = source.label_columns
        return tuple(column for column, value in zip(columns, values, strict=True) if _is_yes(value, place, column))
    written = _split_cell(values[0], source, place)
    names = [text_of(each, place, source.label).strip() for each in written]
    if source.label_names is not None:
        names = [name_label(name, source.label_names, place, source.label) for name in names]
    return tuple(name for name in names if name)


def _split_cell(value: object, source: TabularSource, place: str) -> Sequence[object]:
    """Find the labels of a cell: a list, a text with separators, or a list that is written as text."""
    if is_missing(value):
        return ()
    if isinstance(value, list | tuple):
        return value
    text, separator = text_of(value, place, str(source.label)).strip(), getattr(source, "separator", None)
    if separator is not None:
        return text.split(separator)
    if not text:
        return ()
    found = _parse_list(text)
    if found is None:
        remedy = "say what is between two labels: 'separator: \";\"'; or, with one label a text, take kind classification"
        raise DataError(place, f"{source.label} {text[:60]!r} is no list of labels", remedy)
    return found


def _parse_list(text: str) -> Sequence[object] | None:
    """Parse a list as JSON and Python write it; None where it is none."""
    if text[0] not in _LISTS:
        return None
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return found if isinstance(found, list | tuple) else None


def _is_yes(value: object, place: str, column: str) -> bool:
    text = "" if is_missing(value) else identifier(text_of(value, place, column)).casefold()
    if text not in (*_YES, *_NO):
        raise DataError(place, f"{column} is {text!r}", "write 1 where the text has the label, else 0")
    return text in _YES
