"""Requests that cannot be answered: of a file, of another task, or of classes that are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from emb_pipeline.errors import DataError, suggest
from emb_pipeline.readers.documents import read_documents
from emb_pipeline.tasks.cutoffs.left_out import LeftOutClasses
from emb_pipeline.tasks.cutoffs.options import UnanswerableOptions
from emb_pipeline.text.texts import Texts, take_texts

WITHOUT_CLASS = "own classes, each left out of training"
"""The source where classes are left out."""
WITHOUT_PASSAGES = "own queries without their passages"
"""The source where a retrieval task has no other."""


@dataclass(frozen=True, eq=False)
class Unanswerable:
    """Requests of a task that cannot be answered.

    Attributes
    ----------
    requests : Texts or LeftOutClasses, optional
        The requests, or the classes whose texts they are; None: a retrieval task's own queries, without the passages that
        are relevant to them.
    source : str
        Where they are from, for people.
    """

    requests: Texts | LeftOutClasses | None = None
    source: str = WITHOUT_PASSAGES


def read_unanswerable(
    options: UnanswerableOptions | None, examples: Mapping[str, Mapping[str, pa.Table]], raw: Path, project: Path
) -> Unanswerable:
    """Read the requests of one task that cannot be answered.

    Parameters
    ----------
    options : UnanswerableOptions, optional
        Where they are; None: nowhere.
    examples : mapping
        Tables of each task.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.

    Raises
    ------
    DataError
        The file cannot be read, or the other task has no texts.
    """
    if options is None or options.leave_out == "passages":
        return Unanswerable()
    if options.leave_out == "class":
        return Unanswerable(LeftOutClasses(options.classes, options.most_classes), WITHOUT_CLASS)
    if options.source is not None:
        texts = [text for _, text in read_documents([options.source], raw, project)]
        return Unanswerable(Texts(texts), options.source.origin)
    name = str(options.task)
    tables = examples.get(name, {})
    table = next((each for each in ("queries", "examples") if each in tables and "text" in tables[each].column_names), None)
    if table is None:
        known = [task for task, each in examples.items() if {"queries", "examples"} & set(each)]
        raise DataError("cutoffs.unanswerable", f"{name!r} is no task with queries or texts", suggest(name, known))
    return Unanswerable(take_texts(tables, table), name)
