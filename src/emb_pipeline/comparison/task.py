"""The task of a comparison, from what a person has in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.experiment.model import TaskDefinition
from emb_pipeline.tasks.classification.reader import EXAMPLES_SCHEMA, GROUP, complete_examples
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.retrieval.formats.collection import (
    RetrievalTables,
    build_passages_table,
    build_qrels_table,
    build_queries_table,
)
from emb_pipeline.tasks.retrieval.reader import complete_collection
from emb_pipeline.tasks.similarity.reader import PAIRS_SCHEMA, complete_pairs

NAME = "task"


@dataclass(frozen=True, eq=False)
class ComparedTask:
    """A task with its examples.

    Attributes
    ----------
    definition : TaskDefinition
        Its kind, and how it is evaluated.
    tables : mapping of str to Table
        Its examples, as the readers of its kind make them.
    texts : list of str
        The texts that vectors may be trained on.
    """

    definition: TaskDefinition
    tables: Mapping[str, pa.Table]
    texts: list[str]


def make_task(
    texts: Sequence[Any],
    labels: Sequence[Any],
    *,
    split: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
    passages: Sequence[str] | None = None,
    evaluation: Mapping[str, Any] | None = None,
) -> ComparedTask:
    """Make the task that some texts and labels are.

    Texts with labels are a classification; pairs of texts with numbers a similarity; and queries with passages a retrieval,
    whose labels are, for each query, the positions of the passages that answer it.

    Raises
    ------
    DataError
        The lengths differ, or no embedding could be evaluated on them.
    """
    texts, labels = list(texts), list(labels)
    if len(texts) != len(labels):
        raise DataError("compare", f"there are {len(texts)} texts and {len(labels)} labels", "give each text one label")
    if passages is not None:
        _refuse_parts(split, groups)
        return _make_retrieval(texts, labels, list(passages), evaluation)
    if texts and all(_is_pair(text) for text in texts):
        _refuse_parts(split, groups)
        return _make_similarity(texts, labels, evaluation)
    return _make_classification(texts, labels, split, groups, evaluation)


def _refuse_parts(split: Sequence[Any] | None, groups: Sequence[Any] | None) -> None:
    if split is not None or groups is not None:
        raise DataError("compare", "split and groups are for texts with labels", "leave them out")


def _is_pair(text: Any) -> bool:
    return isinstance(text, tuple | list) and len(text) == 2 and all(isinstance(each, str) for each in text)


def _make_classification(
    texts: Sequence[Any],
    labels: Sequence[Any],
    split: Sequence[Any] | None,
    groups: Sequence[Any] | None,
    evaluation: Mapping[str, Any] | None,
) -> ComparedTask:
    for number, (text, label) in enumerate(zip(texts, labels, strict=True)):
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"texts[{number}]", f"{text!r} is no text", "give a text with words, or drop it and its label")
        if label is None or label != label or not str(label).strip():
            raise DataError(f"labels[{number}]", f"{label!r} is no label", "give one, or drop it and its text")
    columns: dict[str, Sequence[Any]] = {
        "example_id": [str(number) for number in range(len(texts))],
        "text": texts,
        "label": [str(label) for label in labels],
        "split": [None] * len(texts) if split is None else [str(part) for part in split],
    }
    schema = EXAMPLES_SCHEMA
    if groups is not None:
        columns["group"], schema = [str(group) for group in groups], EXAMPLES_SCHEMA.append(GROUP)
    for name, values in columns.items():
        if len(values) != len(texts):
            raise DataError("compare", f"{name} has {len(values)} values for {len(texts)} texts", "give each text one")
    tables = complete_examples(pa.table({name: pa.array(columns[name], pa.string()) for name in schema.names}), NAME)
    trained = [text for text, part in zip(texts, columns["split"], strict=True) if part != "test"]
    return ComparedTask(_define("classification", evaluation), tables, trained)


def _make_similarity(
    pairs: Sequence[Sequence[str]], scores: Sequence[Any], evaluation: Mapping[str, Any] | None
) -> ComparedTask:
    one, other = zip(*pairs, strict=True)
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        number = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError(f"labels[{number}]", f"{scores[number]!r} is no score", "give a number, or drop the pair")
    columns = {"pair_id": [str(number) for number in range(len(pairs))], "text_a": one, "text_b": other, "score": values}
    table = pa.table([pa.array(columns[each.name], each.type) for each in PAIRS_SCHEMA], schema=PAIRS_SCHEMA)
    return ComparedTask(_define("similarity", evaluation), complete_pairs(table, NAME), [*one, *other])


def _make_retrieval(
    queries: Sequence[str], relevant: Sequence[Any], passages: Sequence[str], evaluation: Mapping[str, Any] | None
) -> ComparedTask:
    grades: dict[tuple[str, str], float] = {}
    for number, answers in enumerate(relevant):
        for place in answers if isinstance(answers, Iterable) and not isinstance(answers, str) else [answers]:
            if not isinstance(place, int | np.integer) or not 0 <= place < len(passages):
                raise DataError(
                    f"labels[{number}]",
                    f"{place!r} is no position of a passage",
                    f"give positions, 0 to {len(passages) - 1}",
                )
            grades[str(number), str(int(place))] = 1.0
    found = RetrievalTables(
        build_queries_table({str(number): query for number, query in enumerate(queries)}, ()),
        build_passages_table({str(number): passage for number, passage in enumerate(passages)}),
        build_qrels_table(grades),
    )
    return ComparedTask(_define("retrieval", evaluation), complete_collection(found, NAME), list(passages))


def _define(kind: str, evaluation: Mapping[str, Any] | None) -> TaskDefinition:
    try:
        options = KINDS[kind].read_options(dict(evaluation or {}))
    except ValidationError:
        raise
    except ValueError as error:
        reason, _, remedy = str(error).partition("; ")
        raise DataError("compare", reason, remedy) from error
    primary = str(getattr(options, "primary_metric", ""))
    return TaskDefinition.model_construct(
        name=NAME, kind=kind, source=None, sample=None, primary_metric=primary, evaluation=options
    )
