"""A task that files could be evaluated as: each kind proposes its own (``Kind.guess``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emb_pipeline.errors import DataError
from emb_pipeline.readers.description.columns import Column
from emb_pipeline.readers.description.files import Described, find_split


@dataclass(frozen=True)
class Named:
    """The columns that a person has named.

    Attributes
    ----------
    text : tuple of str
        Columns with the text; of a pair, the two columns.
    label : str, optional
        Column with what is to be predicted: a label, a score.
    """

    text: tuple[str, ...] = ()
    label: str | None = None


@dataclass(frozen=True)
class Proposal:
    """A task that some files could be evaluated as.

    Attributes
    ----------
    kind : str
        As YAML names it.
    name : str
        A name for the task.
    source : mapping
        What YAML says under ``source:``.
    what : str
        The task in words, for people.
    confidence : float
        From 0 to 1: how well the files look like it. What a person has named counts as seen.
    n_items : int
        Texts or interactions.
    words : float
        Mean words of a text.
    texts : mapping, optional
        A source of a corpus with the same texts; none where they cannot be read as one.
    has_texts : bool
        Whether embeddings of texts take part.
    has_columns : bool
        Whether encoders of columns do.
    text_choices, label_choices : tuple of str
        Other columns that could be meant, the best one first.
    notes : tuple of str
        What a person should know of the files.
    """

    kind: str
    name: str
    source: Mapping[str, Any]
    what: str
    confidence: float
    n_items: int
    words: float = 0.0
    texts: Mapping[str, Any] | None = None
    has_texts: bool = True
    has_columns: bool = False
    text_choices: tuple[str, ...] = ()
    label_choices: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


def place_files(files: Sequence[Described]) -> dict[str, Any]:
    """Write reader, path and splits of files that hold the same: one, or one for each split.

    Raises
    ------
    DataError
        Several files whose names speak of no split.
    """
    first = files[0]
    written = {"reader": first.reader, "path": first.path, **first.options}
    if any(file.options.get("on_error") for file in files):
        written["on_error"] = "skip"
    if len(files) == 1:
        return written
    folders = {file.path.rpartition("/")[0] for file in files}
    splits = {find_split(file.path.rpartition("/")[2]): file.path.rpartition("/")[2] for file in files}
    if len(folders) > 1 or None in splits or len(splits) < len(files):
        raise DataError(
            ", ".join(file.path for file in files),
            "several files of one kind, and their names do not say which is for training and which for testing",
            "name one of them, or put train and test into their names, in one folder",
        )
    return {**written, "path": folders.pop() or ".", "splits": {name: splits[name] for name in _IN_ORDER if name in splits}}


_IN_ORDER = ("train", "validation", "test")


def find_training_file(files: Sequence[Described], source: Mapping[str, Any]) -> Described:
    """Find the file with the training part of what `place_files` placed; the first one without splits."""
    name = source.get("splits", {}).get("train")
    return next((file for file in files if file.path.rpartition("/")[2] == name), files[0])


def group_files(files: Iterable[Described], shape: str) -> list[Described]:
    """List the files of a shape that have the columns of the first of them."""
    found = [file for file in files if file.shape == shape]
    names = {column.name for column in found[0].columns} if found else set()
    return [file for file in found if {column.name for column in file.columns} == names]


def rank_columns(columns: Iterable[Column], wanted: Sequence[str], weigh: Any) -> list[Column]:
    """Sort columns, those whose names say what is wanted first, then by a weight, the largest first."""

    def named(column: Column) -> int:
        words = column.name.casefold().replace("-", "_").replace(" ", "_").split("_")
        places = [number for number, name in enumerate(wanted) if name in words or name == column.name.casefold()]
        return -min(places, default=len(wanted))

    return sorted(columns, key=lambda column: (named(column), weigh(column)), reverse=True)


def is_named(column: Column, wanted: Sequence[str]) -> bool:
    """Tell whether a column's name is among some, or has one of them as a word."""
    words = {*column.name.casefold().replace("-", "_").replace(" ", "_").split("_"), column.name.casefold()}
    return bool(words & set(wanted))


def is_split(column: Column) -> bool:
    """Tell whether a column says which rows are for training and which for testing."""
    return column.n_distinct >= 2 and {value.casefold() for value in column.counts} <= _SPLIT_VALUES


_SPLIT_VALUES = frozenset({"train", "training", "test", "validation", "valid", "val", "dev"})
