"""From files to labelled texts, each checked as it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa

from emb_pipeline.text import docstrings, question_answering
from emb_pipeline.text.class_folders import class_folder_members, member_text
from emb_pipeline.text.errors import DataError
from emb_pipeline.text.files import lines, named_files
from emb_pipeline.text.readings import (
    ClassFoldersReading,
    ClassificationReading,
    DocstringSubpackagesReading,
    LabelledLinesReading,
    PubmedqaReading,
    TabularReading,
    origin_of,
)
from emb_pipeline.text.sampling import sampled_rows
from emb_pipeline.text.splits import files_of_splits, split_name
from emb_pipeline.text.tables import joined_columns

EXAMPLES_SCHEMA = pa.schema(
    [("example_id", pa.string()), ("text", pa.string()), ("label", pa.string()), ("split", pa.string())]
)
GROUP = pa.field("group", pa.string())
"""A further column of examples, where the reading names one: examples of one group stay in one fold."""


def read_classification(reading: ClassificationReading, raw: Path, project: Path) -> pa.Table:
    """Labelled texts.

    Parameters
    ----------
    reading : ClassificationReading
        Where the texts, labels and splits are.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.

    Returns
    -------
    pa.Table
        example_id, text, label, split (train, validation, test; null throughout where there is no official split), and
        group, where the reading names a column for it.

    Raises
    ------
    DataError
        A text, label or group is empty, a label or split is unknown, an id repeats, a split is empty, a class has one
        example, there are fewer than two classes, or a file is missing, damaged or not what the reading says.
    """
    if isinstance(reading, DocstringSubpackagesReading):
        table = docstrings.docstring_table(reading.packages, raw / docstrings.CACHE)
        return docstrings.subpackage_examples(
            table, min_examples=reading.min_examples, min_tokens=reading.min_tokens, test_share=reading.test_share
        ).cast(EXAMPLES_SCHEMA)
    examples = _Examples(None if isinstance(reading, PubmedqaReading) else reading.labels)
    if isinstance(reading, ClassFoldersReading):
        _read_class_folders(reading, raw, project, examples)
        return examples.table(origin_of(reading))
    if isinstance(reading, PubmedqaReading):
        for example in question_answering.pubmedqa_examples(reading, raw, project):
            examples.add(*example)
        return examples.table(origin_of(reading))
    if isinstance(reading, LabelledLinesReading):
        _read_labelled_lines(reading, raw, project, examples)
        return examples.table(origin_of(reading))
    _read_labelled_rows(reading, raw, project, examples)
    return examples.table(origin_of(reading), min_examples=reading.min_examples, grouped=reading.group is not None)


class _Examples:
    """Labelled texts, each checked as it comes."""

    def __init__(self, labels: Sequence[str] | None) -> None:
        self._labels = None if labels is None else set(labels)
        self._rows: list[tuple[str, str, str, str | None, str | None]] = []
        self._places: dict[str, str] = {}
        self._first_of: dict[str, str] = {}

    def add(self, place: str, example_id: str, text: str, label: str, split: str | None, group: str | None = None) -> None:
        label = label.strip()
        if not text or text.isspace():
            raise DataError(place, "the text is empty", "fill it in or drop the row")
        if not label:
            raise DataError(place, "the label is empty", "fill it in or drop the row")
        if self._labels is not None and label not in self._labels:
            raise DataError(
                place, f"label '{label}' is not among {sorted(self._labels)}", "add it under 'labels' or drop the row"
            )
        if group is not None and not group.strip():
            raise DataError(place, "the group is empty", "give each example a group, or leave 'group' out")
        if example_id in self._places:
            raise DataError(
                place, f"id '{example_id}' was used by {self._places[example_id]}", "give each example its own id"
            )
        self._places[example_id] = place
        self._first_of.setdefault(label, place)
        self._rows.append((example_id, text, label, split, group))

    def table(self, place: str, *, min_examples: int | None = None, grouped: bool = False) -> pa.Table:
        sizes = Counter(label for _, _, label, _, _ in self._rows)
        if min_examples is not None:
            self._rows = [row for row in self._rows if sizes[row[2]] >= min_examples]
            sizes = Counter({label: size for label, size in sizes.items() if size >= min_examples})
        if len(sizes) < 2:
            found = f"only the class '{next(iter(sizes))}'" if sizes else "no example"
            found += f" of {min_examples} examples or more" if min_examples else ""
            raise DataError(
                place, f"there is {found}", "a classification task needs two classes; check file, label column and splits"
            )
        for label, size in sizes.items():
            if size == 1:
                raise DataError(
                    self._first_of[label],
                    f"class '{label}' has this one example",
                    "add another, merge the class with one that it belongs to, or drop the row",
                )
        schema = EXAMPLES_SCHEMA.append(GROUP) if grouped else EXAMPLES_SCHEMA
        columns = list(zip(*self._rows, strict=True))[: len(schema)]
        return pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], schema=schema)

    @property
    def splits(self) -> set[str | None]:
        return {split for _, _, _, split, _ in self._rows}


def _read_labelled_rows(reading: TabularReading, raw: Path, project: Path, examples: _Examples) -> None:
    if reading.label is None:
        raise DataError(origin_of(reading), "no label column is named", "say 'label: <column>' in the task's reading")
    columns = (*reading.text_columns, reading.label)
    for split_of_files, glob in files_of_splits(reading.splits):
        for file in named_files(reading, raw, project, glob=glob):
            further = (reading.id, reading.split, reading.group)
            for number, (*texts, label), given in sampled_rows(file, reading, columns, further):
                place = f"{file.name}, row {number}"
                example_id = f"{file.name}:{number}" if reading.id is None else given[reading.id]
                split = split_of_files if reading.split is None else split_name(given[reading.split], place)
                group = None if reading.group is None else given[reading.group]
                examples.add(place, example_id, joined_columns(texts), label, split, group)
        if split_of_files is not None:
            _require_split(examples, split_of_files, origin_of(reading))
    if reading.split is not None:
        for split in ("train", "test"):
            _require_split(examples, split, origin_of(reading))


def _read_labelled_lines(reading: LabelledLinesReading, raw: Path, project: Path, examples: _Examples) -> None:
    for split, glob in files_of_splits(reading.splits):
        for file in named_files(reading, raw, project, glob=glob):
            for number, line in enumerate(lines(file, reading.encoding), 1):
                # Not splitlines: a NEL or a form feed may stand inside a text.
                content, place = line.rstrip("\r\n"), f"{file.name}, row {number}"
                if not content:
                    continue
                before, found, after = (
                    content.partition(reading.separator)
                    if reading.label == "first"
                    else content.rpartition(reading.separator)
                )
                if not found:
                    missing = f"'{content[:40]}' has no {reading.separator!r} between label and text"
                    raise DataError(place, missing, "write both on each line, or name another 'separator'")
                label, text = (before, after) if reading.label == "first" else (after, before)
                if reading.empty == "refuse" or text.strip():
                    examples.add(place, f"{file.name}:{number}", text.strip(), label, split)
        if split is not None:
            _require_split(examples, split, origin_of(reading))


def _require_split(examples: _Examples, split: str, place: str) -> None:
    if split not in examples.splits:
        raise DataError(
            place,
            f"the split '{split}' has no example",
            "correct 'splits' or the split column, or leave them out to be evaluated by folds",
        )


def _read_class_folders(reading: ClassFoldersReading, raw: Path, project: Path, examples: _Examples) -> None:
    names = {} if reading.splits is None else {PurePosixPath(folder).name: split for split, folder in reading.splits.items()}
    for place, path, content in class_folder_members(reading, raw, project):
        split = names[path.parts[-3]] if names else None
        examples.add(place, str(path), member_text(content, reading, place), path.parts[-2], split)
    for split in reading.splits or ():
        _require_split(examples, split, origin_of(reading))
