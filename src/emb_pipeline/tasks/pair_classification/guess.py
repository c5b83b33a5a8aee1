"""The look at files for pairs of texts with one of two labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emb_pipeline.readers.description.columns import Column
from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.pairs.guess import choose_pair
from emb_pipeline.tasks.proposal import Named, Proposal, group_files, is_named, is_split, place_files, rank_columns

_LABELS = ("is_duplicate", "duplicate", "paraphrase", "label", "quality", "same", "match", "class", "target")
_POSITIVE = ("1", "true", "yes", "duplicate", "paraphrase", "same", "match", "positive")


def propose(files: Sequence[Described], named: Named) -> Proposal | None:
    """Propose a classification of pairs; none where no file has two texts of a length and a label of two values.

    Raises
    ------
    DataError
        A column that is named does not exist.
    """
    tables = group_files(files, "rows")
    if not tables or len(tables) > 3:
        return None
    table = tables[0]
    pair = choose_pair(table, named)
    if len(pair) != 2:
        return None
    labels = rank_columns(filter(_has_two_labels, table.columns), _LABELS, lambda each: -each.n_empty)
    labels = [each for each in labels if named.label or is_named(each, _LABELS)]
    label = table.find_column(named.label) if named.label else next(iter(labels), None)
    if label is None or not _has_two_labels(label):
        return None
    one, other = pair
    positive = next(value for value in label.counts if value.casefold() in _POSITIVE)
    source: dict[str, Any] = {**place_files(tables), "text_a": one.name, "text_b": other.name, "label": label.name}
    if positive != "1":
        source["positive"] = positive
    split = next((column for column in table.columns if is_split(column)), None)
    if split is not None and len(tables) == 1:
        source["split"] = split.name
    notes = []
    n_empty = max(one.n_empty, other.n_empty, label.n_empty)
    if n_empty:
        source["empty"] = "leave_out"
        notes.append(f"pairs without a text or a label ({n_empty:,} or more) are left out")
    return Proposal(
        "pair_classification",
        "my_pairs",
        source,
        f"do {one.name} and {other.name} mean the same? {label.name} '{positive}' says yes",
        0.97,
        2 * sum(each.n_items for each in tables),
        (one.words + other.words) / 2,
        text_choices=(one.name, other.name),
        label_choices=tuple(each.name for each in labels),
        notes=tuple(notes),
    )


def _has_two_labels(column: Column) -> bool:
    return column.n_distinct == 2 and any(value.casefold() in _POSITIVE for value in column.counts)
