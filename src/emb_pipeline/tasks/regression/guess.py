"""The look at files for texts with a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emb_pipeline.readers.description.columns import Column
from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.classification.guess import TEXTS
from emb_pipeline.tasks.feature_choice import choose_features, write_text_columns
from emb_pipeline.tasks.proposal import (
    Named,
    Proposal,
    find_training_file,
    group_files,
    is_named,
    is_split,
    place_files,
    rank_columns,
)

_TARGETS = ("target", "rating", "score", "price", "stars", "value", "amount", "grade", "y")
_MANY_VALUES = 20
"""Whole numbers of so many values, or fewer, are taken for classes."""


def propose(files: Sequence[Described], named: Named) -> Proposal | None:
    """Propose a regression; none where no file has a column of many numbers, and a text or columns to predict it from.

    Columns alone are enough for a number that a person has named.

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
        [column for column in table.columns if column.is_text], TEXTS, lambda column: column.words
    )
    targets = rank_columns(filter(_has_many_numbers, table.columns), _TARGETS, lambda column: column.n_distinct)
    target = table.find_column(named.label) if named.label else next(iter(targets), None)
    if target is None or not (texts or named.label) or not _has_many_numbers(target):
        return None
    read = texts if named.text else texts[:1]
    chosen = [column.name for column in read]
    features = choose_features(table.columns, {target.name, *chosen})
    if not chosen and not features:
        return None
    source: dict[str, Any] = {
        **place_files(tables),
        **write_text_columns(read),
        "target": target.name,
        **features.write(),
    }
    split = next((column for column in table.columns if is_split(column)), None)
    if split is not None and len(tables) == 1:
        source["split"] = split.name
    notes = []
    if any(column.n_empty for column in (*read[:1], target)):
        source["empty"] = "leave_out"
        of_text = [f"a text ({column.n_empty:,})" for column in read[:1]]
        notes.append(f"rows without {' or '.join([*of_text, f'a number ({target.n_empty:,})'])} are left out")
    confidence = 0.4 + 0.3 * (bool(named.label) or is_named(target, _TARGETS))
    confidence += 0.15 * (bool(named.text) or any(is_named(column, TEXTS) for column in read[:1]))
    kept = ("reader", "delimiter", "encoding", "quoted", "columns", "on_error", "empty")
    corpus = {name: source[name] for name in kept if name in source}
    return Proposal(
        "regression",
        "my_numbers",
        source,
        f"predict the number {target.name} from {features.name_with(chosen)}",
        confidence,
        sum(each.n_items for each in tables),
        sum(column.words for column in read) or len(features.categorical) + len(features.numeric),
        {**corpus, "path": find_training_file(tables, source).path, "text": source["text"]} if read else None,
        has_texts=bool(read),
        has_columns=bool(features),
        text_choices=tuple(column.name for column in texts),
        label_choices=tuple(column.name for column in targets),
        notes=(*notes, *features.notes),
    )


def _has_many_numbers(column: Column) -> bool:
    if not column.is_score or column.is_id or is_split(column):
        return False
    return column.n_distinct > _MANY_VALUES or column.whole < 0.99
