"""From files to labelled texts, each checked as it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.docstrings import packages as docstrings
from emb_pipeline.readers.files import NamedFile, lines, named_files, per_file
from emb_pipeline.readers.formats import question_answering
from emb_pipeline.readers.formats.class_folders import class_folder_members, member_text
from emb_pipeline.readers.readings import (
    ClassFoldersReading,
    ClassificationReading,
    DocstringSubpackagesReading,
    FastTextReading,
    LabelledLinesReading,
    PubmedqaReading,
    TabularReading,
    origin_of,
)
from emb_pipeline.readers.sampling import sampled_rows
from emb_pipeline.readers.splits import files_of_splits, split_name
from emb_pipeline.readers.tables import identifier, joined_columns, require_named_split

EXAMPLES_SCHEMA = pa.schema(
    [("example_id", pa.string()), ("text", pa.string()), ("label", pa.string()), ("split", pa.string())]
)
GROUP = pa.field("group", pa.string())
"""A further column of examples, where the reading names one: examples of one group stay in one fold."""
_FILL_IN = (
    "fill it in or drop the row, or say 'empty: leave_out' (in tables NaN, None and NaT count as empty; 'missing: []' takes "
    "them as words)"
)


Example: TypeAlias = tuple[str, str, str, str, str | None, str | None]
"""Place, id, text, label, split and group."""


def read_classification(reading: ClassificationReading, raw: Path, project: Path, bad: BadRows | None = None) -> pa.Table:
    """Read labelled texts.

    Parameters
    ----------
    reading : ClassificationReading
        Where the texts, labels and splits are.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.
    bad : BadRows, optional
        Counts the rows that are left out; by default as the reading says.

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
    with bad or BadRows.of(reading) as bad:
        examples = _checked(reading, raw, project, bad)
    tabular = reading if isinstance(reading, TabularReading) else None
    place = origin_of(reading)
    splits = getattr(reading, "splits", None) or (("train", "test") if tabular is not None and tabular.split else ())
    for split in splits:
        _require_split(examples, split, place, bad)
    return examples.table(
        place,
        bad,
        min_examples=None if tabular is None else tabular.min_examples,
        grouped=tabular is not None and tabular.group is not None,
    )


def check_first_rows(reading: ClassificationReading, raw: Path, project: Path) -> None:
    """Check the first rows of every file that is there, one by one; see `emb_pipeline.readers.files.first_rows`.

    Raises
    ------
    DataError
        As for `read_classification`, except for what only the whole can tell.
    """
    if not isinstance(reading, DocstringSubpackagesReading | PubmedqaReading):
        with BadRows.of(reading) as bad:
            _checked(reading, raw, project, bad)


def _checked(reading: ClassificationReading, raw: Path, project: Path, bad: BadRows) -> _Examples:
    examples = _Examples(getattr(reading, "labels", None))
    for place, example_id, text, label, split, group in _read(reading, raw, project, bad):
        if bad.leaves_out_empty and not (text.strip() and label.strip()):
            bad.leave_out_empty(place)
            continue
        try:
            examples.add(place, example_id, text, label, split, group)
        except DataError as error:
            bad.take(error)
    return examples


def _read(reading: Any, raw: Path, project: Path, bad: BadRows) -> Iterator[Example]:
    if isinstance(reading, ClassFoldersReading):
        return _class_folders(reading, raw, project, bad)
    if isinstance(reading, PubmedqaReading):
        return ((*example, None) for example in question_answering.pubmedqa_examples(reading, raw, project))
    if isinstance(reading, LabelledLinesReading | FastTextReading):
        return _lines(reading, raw, project, bad)
    return _labelled_rows(reading, raw, project, bad)


class _Examples:
    """Labelled texts, each checked as it comes."""

    def __init__(self, labels: Sequence[str] | None) -> None:
        self._labels = None if labels is None else set(labels)
        self._rows: list[tuple[str, str, str, str | None, str | None]] = []
        self._places: dict[str, str] = {}
        self._first_of: dict[str, str] = {}

    def add(self, place: str, example_id: str, text: str, label: str, split: str | None, group: str | None) -> None:
        label = label.strip()
        if not text or text.isspace():
            raise DataError(place, "the text is empty", _FILL_IN)
        if not label:
            raise DataError(place, "the label is empty", _FILL_IN)
        if self._labels is not None and label not in self._labels:
            raise DataError(
                place, f"label {label!r} is not among {sorted(self._labels)}", "add it under 'labels' or drop the row"
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

    def table(self, place: str, bad: BadRows, *, min_examples: int | None, grouped: bool) -> pa.Table:
        sizes = Counter(label for _, _, label, _, _ in self._rows)
        if min_examples is not None:
            self._rows = [row for row in self._rows if sizes[row[2]] >= min_examples]
            sizes = Counter({label: size for label, size in sizes.items() if size >= min_examples})
        if len(sizes) < 2:
            found = f"only the class '{next(iter(sizes))}'" if sizes else "no example"
            found += f" of {min_examples} examples or more" if min_examples else ""
            raise DataError(
                place,
                f"there is {found}{_left_out(bad)}",
                "a classification task needs two classes; check file, label column and splits",
            )
        for label, size in sizes.items():
            if size == 1:
                remedy = "add another, merge the class with one that it belongs to, or drop the row"
                raise DataError(self._first_of[label], f"class '{label}' has this one example", remedy)
        schema = EXAMPLES_SCHEMA.append(GROUP) if grouped else EXAMPLES_SCHEMA
        columns = list(zip(*self._rows, strict=True))[: len(schema)]
        return pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], schema=schema)

    @property
    def splits(self) -> set[str | None]:
        return {split for _, _, _, split, _ in self._rows}


def _left_out(bad: BadRows) -> str:
    n_out = bad.n_skipped + bad.n_empty
    return f" ({n_out:,} rows were left out; the first: {(bad.skipped or bad.empty_places)[0]})" if n_out else ""


def _labelled_rows(reading: TabularReading, raw: Path, project: Path, bad: BadRows) -> Iterator[Example]:
    if reading.label is None:
        raise DataError(origin_of(reading), "no label column is named", "say 'label: <column>' in the task's reading")
    columns = (*reading.text_columns, reading.label)
    for split_of_files, glob in files_of_splits(reading.splits):
        for file in named_files(reading, raw, project, glob=glob):
            require_named_split(file, reading)
            further = (reading.id, reading.split or None, reading.group)
            for number, (*texts, label), given in sampled_rows(file, reading, columns, further, bad):
                place = f"{file.name}, row {number}"
                example_id = f"{file.name}:{number}" if reading.id is None else identifier(given[reading.id])
                split: str | None = split_of_files
                if reading.split:
                    try:
                        split = split_name(given[reading.split], place)
                    except DataError as error:
                        bad.take(error)
                        continue
                group = None if reading.group is None else given[reading.group]
                yield place, example_id, joined_columns(texts), label, split, group


def _lines(reading: LabelledLinesReading | FastTextReading, raw: Path, project: Path, bad: BadRows) -> Iterator[Example]:
    for split, glob in files_of_splits(reading.splits):
        for file in named_files(reading, raw, project, glob=glob):
            for number, text, label in labelled_lines(file, reading, bad):
                yield f"{file.name}, row {number}", f"{file.name}:{number}", text, label, split, None


@per_file
def labelled_lines(
    file: NamedFile, reading: LabelledLinesReading | FastTextReading, bad: BadRows
) -> Iterator[tuple[int, str, str]]:
    """Stream number, text and label of each line with both."""
    n_bad = bad.n_bad
    for number, line in enumerate(lines(file, reading.encoding, bad), 1):
        # Not splitlines: a NEL or a form feed may stand inside a text.
        content = line.rstrip("\r\n")
        if content and bad.n_bad == n_bad:
            try:
                parted = _fasttext_parts if isinstance(reading, FastTextReading) else _parts
                yield number, *parted(content, reading, f"{file.name}, row {number}")
            except DataError as error:
                bad.take(error)
        n_bad = bad.n_bad


def _parts(content: str, reading: Any, place: str) -> tuple[str, str]:
    """Text and label of a line."""
    separator = reading.separator
    before, found, after = content.partition(separator) if reading.label == "first" else content.rpartition(separator)
    if not found:
        raise DataError(
            place,
            f"'{content[:40]}' has no {separator!r} between label and text",
            "write both on each line, or name another 'separator'",
        )
    label, text = (before, after) if reading.label == "first" else (after, before)
    return text.strip(), label


def _fasttext_parts(content: str, reading: Any, place: str) -> tuple[str, str]:
    words = content.split()
    labels = [word.removeprefix(reading.prefix) for word in words if word.startswith(reading.prefix)]
    if len(labels) != 1:
        found = (
            f"{len(labels)} labels ({', '.join(labels[:5])})" if labels else f"no word that starts with {reading.prefix!r}"
        )
        remedy = "keep one label on each line" if labels else "write one, or name another 'prefix'"
        raise DataError(place, f"it has {found}", f"{remedy}; 'on_error: skip' leaves such lines out")
    return " ".join(word for word in words if not word.startswith(reading.prefix)), labels[0]


def _require_split(examples: _Examples, split: str, place: str, bad: BadRows) -> None:
    if split not in examples.splits:
        raise DataError(
            place,
            f"the split '{split}' has no example{_left_out(bad)}",
            "correct 'splits' or the split column, or leave them out to be evaluated by folds",
        )


def _class_folders(reading: ClassFoldersReading, raw: Path, project: Path, bad: BadRows) -> Iterator[Example]:
    names = {} if reading.splits is None else {PurePosixPath(folder).name: split for split, folder in reading.splits.items()}
    for place, path, content in class_folder_members(reading, raw, project):
        split = names[path.parts[-3]] if names else None
        try:
            text = member_text(content, reading, place)
        except DataError as error:
            bad.take(error)
            continue
        yield place, str(path), text, path.parts[-2], split, None
