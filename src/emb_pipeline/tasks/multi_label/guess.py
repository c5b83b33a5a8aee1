"""The look at files for texts with several labels each."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emb_pipeline.readers.description.columns import MOST_LABELS, Column
from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.classification.guess import TEXTS
from emb_pipeline.tasks.proposal import (
    Named,
    Proposal,
    find_training_file,
    group_files,
    is_split,
    place_files,
    rank_columns,
)

SEPARATORS = (";", "|", ",")
_SEVERAL = 0.1
"""Share of the values with two labels or more, from which a column is taken for one of several."""
_LONGEST = 40
"""Characters of a label."""
_FEWEST_COLUMNS = 3
"""Columns of 0 and 1 that are taken for labels."""
_BINARY = frozenset({"0", "1", "0.0", "1.0", "True", "False", "true", "false"})
_TAGS = ("B-", "I-", "U-", "L-", "E-", "S-")


@dataclass(frozen=True)
class _Found:
    """Labels that a table has: what YAML says of them, and how many there are."""

    source: Mapping[str, Any]
    name: str
    n_labels: int


def propose(files: Sequence[Described], named: Named) -> Proposal | None:
    """Propose a multi-label classification; none where no file has a text and several labels of it.

    Raises
    ------
    DataError
        A column that is named does not exist.
    """
    tables = group_files(files, "rows")
    if not tables:
        return None
    table = tables[0]
    texts = [table.find_column(name) for name in named.text] or rank_columns(
        [column for column in table.columns if column.is_text and not _find_separator(column)],
        TEXTS,
        lambda column: column.words,
    )
    if not texts:
        return None
    chosen = texts if named.text else texts[:1]
    labels = _find_labels(table, named, {column.name for column in chosen})
    return None if labels is None else _propose_rows(tables, chosen, labels)


def _find_labels(table: Described, named: Named, taken: set[str]) -> _Found | None:
    rest = [column for column in table.columns if column.name not in taken and not is_split(column)]
    columns = [table.find_column(named.label)] if named.label else rest
    for column in columns:
        if (separator := _find_separator(column)) is not None:
            source = {"label": column.name, **({"separator": separator} if separator else {})}
            return _Found(source, column.name, len(_count_parts(column, separator)))
    binary = [column.name for column in rest if column.n_distinct == 2 and set(column.counts) <= _BINARY]
    if named.label or len(binary) < _FEWEST_COLUMNS:
        return None
    return _Found({"label_columns": binary}, "labels", len(binary))


def _find_separator(column: Column) -> str | None:
    """Find what is between the labels of a column; empty where it has lists, None where it has no labels."""
    for separator in ("",) if column.is_list else SEPARATORS:
        parts = _count_parts(column, separator)
        n_values = sum(column.counts.values())
        sizes = {value: len(_split(value, separator)) for value in column.counts}
        n_several = sum(n for value, n in column.counts.items() if sizes[value] > 1)
        if (
            len(set(sizes.values())) > 1  # a town and its country are always two
            and 2 <= len(parts) <= min(MOST_LABELS, max(n_values / 4, 2))
            and n_several >= _SEVERAL * n_values
            and max(map(len, parts)) <= _LONGEST
            and not any(part == "O" or part.startswith(_TAGS) for part in parts)
        ):
            return separator
    return None


def _count_parts(column: Column, separator: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for value, n in column.counts.items():
        for part in _split(value, separator):
            found[part] += n
    return found


def _split(value: str, separator: str) -> list[str]:
    return list(_read_list(value)) if not separator else [part.strip() for part in value.split(separator) if part.strip()]


def _read_list(value: str) -> Iterator[str]:
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return
    if isinstance(found, list | tuple):
        yield from (str(each) for each in found)


def _propose_rows(tables: Sequence[Described], texts: Sequence[Column], labels: _Found) -> Proposal:
    names = [column.name for column in texts]
    source: dict[str, Any] = {**place_files(tables), "text": names if len(names) > 1 else names[0], **labels.source}
    split = next((column for column in tables[0].columns if is_split(column)), None)
    if split is not None and len(tables) == 1:
        source["split"] = split.name
    notes = []
    if texts[0].n_empty:
        source["empty"] = "leave_out"
        notes.append(f"rows without a text ({texts[0].n_empty:,}) are left out; texts without a label stay")
    kept = ("reader", "delimiter", "encoding", "quoted", "columns", "on_error", "empty")
    corpus = {name: source[name] for name in kept if name in source}
    plain = "".join(letter if letter.isalnum() else "_" for letter in labels.name.casefold()).strip("_")
    return Proposal(
        "multi_label",
        plain if plain[:1].isalpha() else "my_labels",
        source,
        f"predict {labels.name} (any number of {labels.n_labels:,} for each text) from {' and '.join(names)}",
        0.95,
        sum(table.n_items for table in tables),
        sum(column.words for column in texts),
        {**corpus, "path": find_training_file(tables, source).path, "text": source["text"]},
        text_choices=tuple(names),
        notes=tuple(notes),
    )
