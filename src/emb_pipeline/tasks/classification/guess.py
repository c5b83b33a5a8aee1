"""The look at files for texts with a label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from emb_pipeline.readers.description.columns import Column
from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.feature_choice import FeatureChoice, choose_features, write_text_columns
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

TEXTS = (
    "text",
    "review",
    "body",
    "content",
    "abstract",
    "sentence",
    "description",
    "message",
    "comment",
    "title",
    "question",
)
LABELS = ("label", "labels", "category", "class", "target", "sentiment", "topic", "intent", "diagnosis", "department", "y")
_GENERIC = frozenset({"label", "labels", "class", "target", "category", "y", "value"})
_MOST_CLASSES = 1000
_FEW_EXAMPLES = 2


def propose(files: Sequence[Described], named: Named) -> Proposal | None:
    """Propose a classification; none where no file has a label, and a text or columns to predict it from.

    Columns alone are enough for a label that a person has named, or whose name says that it is one.

    Raises
    ------
    DataError
        A column that is named does not exist.
    """
    return find_labeled_texts(files, named, with_columns=True)


def find_labeled_texts(files: Sequence[Described], named: Named, *, with_columns: bool = False) -> Proposal | None:
    """Find texts with a label; with ``with_columns``, rows of other columns with a label, too."""
    found = [*(file for file in files if file.shape in ("labeled_lines", "class_folders"))]
    if found:
        return _propose_labeled_texts(found)
    tables = group_files(files, "rows")
    if not tables:
        return None
    table = tables[0]
    texts = [table.find_column(name) for name in named.text] or rank_columns(
        [column for column in table.columns if column.is_text], TEXTS, lambda column: column.words
    )
    labels = _rank_labels(table, texts[:1])
    label = table.find_column(named.label) if named.label else next(iter(labels), None)
    if label is None or not (texts or (with_columns and (named.label or is_named(label, LABELS)))):
        return None
    chosen = texts if named.text else texts[:1]
    taken = {label.name, *(column.name for column in chosen)}
    features = choose_features(table.columns, taken) if with_columns else FeatureChoice()
    return _propose_rows(tables, chosen, label, named, (texts, labels), features) if chosen or features else None


def _propose_labeled_texts(files: Sequence[Described]) -> Proposal:
    source = place_files(files)
    n_items = sum(file.n_items for file in files)
    what = (
        "predict the class of a text"
        if files[0].shape == "labeled_lines"
        else f"predict which of {len(files[0].members)} folders a text is in"
    )
    texts = {name: value for name, value in source.items() if name != "splits"}
    return Proposal("classification", "my_labels", source, what, 0.9, n_items, files[0].words, texts)


def _rank_labels(table: Described, texts: Sequence[Column]) -> list[Column]:
    taken = {column.name for column in texts}
    candidates = [
        column for column in table.columns if column.is_label and column.name not in taken and not is_split(column)
    ]
    return rank_columns(candidates, LABELS, lambda column: (column.numeric < 1, -abs(column.n_distinct - 10)))


def _propose_rows(
    tables: Sequence[Described],
    texts: Sequence[Column],
    label: Column,
    named: Named,
    choices: tuple[Sequence[Column], Sequence[Column]],
    features: FeatureChoice,
) -> Proposal:
    names = [column.name for column in texts]
    source: dict[str, Any] = {**place_files(tables), **write_text_columns(texts), "label": label.name, **features.write()}
    split = next((column for column in tables[0].columns if is_split(column)), None)
    if split is not None and len(tables) == 1:
        source["split"] = split.name
    notes = []
    if any(column.n_empty for column in (*texts[:1], label)):
        source["empty"] = "leave_out"
        of_text = [f"a text ({column.n_empty:,})" for column in texts[:1]]
        notes.append(f"rows without {' or '.join([*of_text, f'a label ({label.n_empty:,})'])} are left out")
    rare = [name for name, n in label.counts.items() if n < _FEW_EXAMPLES]
    if rare and label.n_distinct <= _MOST_CLASSES:
        source["min_examples"] = _FEW_EXAMPLES
        notes.append(f"classes with a single example are left out: {', '.join(rare[:3])}{', …' if len(rare) > 3 else ''}")
    repeated = sum(column.n_values - column.n_distinct for column in texts[:1])
    if repeated:
        follows = "the audit counts those of both parts" if {"split", "splits"} & set(source) else "they stay in one fold"
        notes.append(f"{repeated:,} rows repeat another one's text: {follows}")
    is_sure = label.is_label and bool(named.label or is_named(label, LABELS))
    confidence = 0.4 + 0.3 * is_sure + 0.2 * (bool(named.text) or any(is_named(column, TEXTS) for column in texts[:1]))
    kept = ("reader", "delimiter", "encoding", "quoted", "columns", "on_error", "empty")
    corpus = {name: source[name] for name in kept if name in source}
    return Proposal(
        "classification",
        _name_task(label, tables[0]),
        source,
        f"predict {label.name} ({label.n_distinct - len(rare):,} classes) from {features.name_with(names)}",
        confidence,
        sum(table.n_items for table in tables),
        sum(column.words for column in texts) or len(features.categorical) + len(features.numeric),
        {**corpus, "path": find_training_file(tables, source).path, "text": source["text"]} if texts else None,
        has_texts=bool(texts),
        has_columns=bool(features),
        text_choices=tuple(column.name for column in choices[0]),
        label_choices=tuple(column.name for column in choices[1]),
        notes=(*notes, *features.notes),
    )


def _name_task(label: Column, table: Described) -> str:
    """Name a task by what is predicted; by its file where the column's name says nothing."""
    says_nothing = label.name.casefold() in _GENERIC or label.name.startswith("column_")
    plain = re.sub(r"[^a-z0-9]+", "_", (table.name if says_nothing else label.name).casefold()).strip("_")
    return plain if plain[:1].isalpha() else f"predict_{plain}" if plain else "my_labels"
