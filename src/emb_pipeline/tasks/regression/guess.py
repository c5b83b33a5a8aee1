"""The look at files for texts with a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emb_pipeline.readers.description.columns import Column
from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.classification.guess import TEXTS
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
    """Propose a regression; none where no file has a text and a column of many numbers.

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
    if not texts or target is None or not _has_many_numbers(target):
        return None
    chosen = [column.name for column in (texts if named.text else texts[:1])]
    source: dict[str, Any] = {**place_files(tables), "text": chosen if len(chosen) > 1 else chosen[0], "target": target.name}
    split = next((column for column in table.columns if is_split(column)), None)
    if split is not None and len(tables) == 1:
        source["split"] = split.name
    notes = []
    if texts[0].n_empty or target.n_empty:
        source["empty"] = "leave_out"
        notes.append(f"rows without a text ({texts[0].n_empty:,}) or a number ({target.n_empty:,}) are left out")
    confidence = 0.4 + 0.3 * (bool(named.label) or is_named(target, _TARGETS))
    confidence += 0.15 * (bool(named.text) or is_named(texts[0], TEXTS))
    kept = ("reader", "delimiter", "encoding", "quoted", "columns", "on_error", "empty")
    corpus = {name: source[name] for name in kept if name in source}
    return Proposal(
        "regression",
        "my_numbers",
        source,
        f"predict the number {target.name} from {' and '.join(chosen)}",
        confidence,
        sum(each.n_items for each in tables),
        sum(column.words for column in texts[: len(chosen)]),
        {**corpus, "path": find_training_file(tables, source).path, "text": source["text"]},
        text_choices=tuple(column.name for column in texts),
        label_choices=tuple(column.name for column in targets),
        notes=tuple(notes),
    )


def _has_many_numbers(column: Column) -> bool:
    if not column.is_score or column.is_id or is_split(column):
        return False
    return column.n_distinct > _MANY_VALUES or column.whole < 0.99
