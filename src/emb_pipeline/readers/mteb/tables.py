"""The tables of a loaded task of MTEB, with the names of columns that this project reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from emb_pipeline.errors import DataError


def build_tables(task: Any, subset: str, split: str) -> dict[str, pa.Table]:
    """Build a table for each split (``train`` and ``test``), or those of a search (queries, passages, qrels).

    Parameters
    ----------
    task : mteb.AbsTask
        With its data loaded.
    subset, split : str
        The subset, and the split to test on.
    """
    loaded = task.dataset
    of_subset = loaded.get(subset, loaded)
    kind = task.metadata.type
    if kind == "Retrieval":
        return _build_search(task, of_subset[split])
    columns = _name_columns(task)
    splits = {"test": split}
    if kind in _LEARNED and getattr(task, "train_split", "train") in of_subset:
        splits = {"train": getattr(task, "train_split", "train"), **splits}
    elif kind == "PairClassification" and "train" in of_subset and split != "train":
        splits = {"train": "train", **splits}
    return {name: _build_rows(of_subset[each], columns, kind) for name, each in splits.items()}


_NAMES = "label_text"
"""Column with the name of a class, in many classification tasks."""
_LEARNED = ("Classification", "MultilabelClassification")
"""Types whose tasks train something."""


def _name_columns(task: Any) -> dict[str, str]:
    """Name this project's column for each of the task's."""
    kind = task.metadata.type
    if kind == "STS":
        first, second = task.column_names
        return {first: "text_a", second: "text_b", "score": "score"}
    if kind == "PairClassification":
        return {task.input1_column_name: "text_a", task.input2_column_name: "text_b", task.label_column_name: "label"}
    if not isinstance(task.input_column_name, str):
        raise DataError(task.metadata.name, "its inputs are several, and not one text", "choose another task")
    return {task.input_column_name: "text", task.label_column_name: "label"}


def _build_rows(split: Any, columns: Mapping[str, str], kind: str) -> pa.Table:
    values = {ours: _name_labels(split, theirs) for theirs, ours in columns.items()}
    if kind == "Classification" and _NAMES in split.column_names:
        values["label"] = list(split[_NAMES])
    first = next(iter(values.values()))
    if first and isinstance(first[0], list):  # a row for each set of texts, as MTEB's first version had them
        values = {name: [each for row in column for each in row] for name, column in values.items()}
        if kind == "Clustering":
            kept = dict(zip(values["text"], values["label"], strict=True))  # a text is in several sets
            values = {"text": list(kept), "label": list(kept.values())}
    if kind == "Clustering" and values["label"] and isinstance(values["label"][0], list):
        values["label"] = [str(levels[0]) for levels in values["label"]]  # the uppermost level
    return pa.table(values)


def _name_labels(split: Any, column: str) -> list[Any]:
    """List the values of a column; labels that are numbers by their names, where the data set has some."""
    values = list(split[column])
    feature = split.features.get(column)
    if names := getattr(feature, "names", None):
        return [names[value] if value >= 0 else None for value in values]
    if names := getattr(getattr(feature, "feature", None), "names", None):
        return [[names[each] for each in value] for value in values]
    if values and isinstance(values[0], list) and values[0] and not isinstance(values[0][0], str):
        return [[str(each) for each in value] for value in values]
    return values


def _build_search(task: Any, found: Any) -> dict[str, pa.Table]:
    if found["top_ranked"] is not None:
        raise DataError(
            task.metadata.name,
            "it ranks a few candidates of each query, and this project searches all passages",
            "choose a task without candidates",
        )
    queries, corpus = found["queries"], found["corpus"]
    if "instruction" in queries.column_names:
        raise DataError(
            task.metadata.name, "its queries have instructions, which are not read", "choose a task without them"
        )
    titles = corpus["title"] if "title" in corpus.column_names else [None] * len(corpus)
    passages = {
        "passage_id": [str(each) for each in corpus["id"]],
        "text": [_join(title, text) for title, text in zip(titles, corpus["text"], strict=True)],
    }
    grades = found["relevant_docs"].items()
    judged = [(str(query), str(each), grade) for query, of_query in grades for each, grade in of_query.items()]
    asked = {"query_id": [str(each) for each in queries["id"]], "text": [_require_text(each) for each in queries["text"]]}
    return {
        "queries": pa.table(asked),
        "passages": pa.table(passages),
        "qrels": _build_qrels(sorted(judged)),
    }


def _build_qrels(judged: Sequence[tuple[str, str, int]]) -> pa.Table:
    names = ("query_id", "passage_id", "relevance")
    return pa.table({name: [each[place] for each in judged] for place, name in enumerate(names)})


def _join(title: str | None, text: str | None) -> str:
    """Join title and text by a blank, as MTEB does."""
    return " ".join(each for each in (title, text) if each).strip()


def _require_text(query: Any) -> str:
    if not isinstance(query, str):
        raise DataError("queries", "a query is a conversation, and not one text", "choose another task")
    return query
