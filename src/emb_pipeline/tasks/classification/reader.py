"""Labeled texts of any format, each checked as it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.registry import build_source_type
from emb_pipeline.tasks.classification.audit import audit_classification, require_evaluable
from emb_pipeline.tasks.classification.sources import LABELED_TEXTS, READERS
from emb_pipeline.tasks.examples.columns import FurtherValues
from emb_pipeline.tasks.examples.copies import find_copies
from emb_pipeline.tasks.examples.reader import (
    ExamplesReader,
    Tables,
    add_left_out,
    build_left_out_table,
    find_tokenizer,
    list_texts_outside_training,
)
from emb_pipeline.tasks.examples.sample import draw_rows
from emb_pipeline.text.seen import SEEN
from emb_pipeline.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    ClassificationSource: TypeAlias = Any
else:
    ClassificationSource = build_source_type([*LABELED_TEXTS.values(), *READERS.values()])
"""Anything that labeled texts can be read from."""

EXAMPLES_SCHEMA = pa.schema(
    [("example_id", pa.string()), ("text", pa.string()), ("label", pa.string()), ("split", pa.string())]
)
GROUP = pa.field("group", pa.string())
"""A further column of examples, where the source names one: examples of one group stay in one fold."""
_FILL_IN = (
    "fill it in or drop the row, or say 'empty: leave_out' (in tables NaN, None and NaT count as empty; 'missing: []' takes "
    "them as words)"
)


class ClassificationReader(ExamplesReader):
    """Labelled texts: table ``examples``."""

    source_type = ClassificationSource

    def read(self, source: Any, raw: Path, project: Path, name: str, sample: int | None = None) -> dict[str, pa.Table]:
        """Read labelled texts; each class can be learnt and tested."""
        bad = BadRows.of(source)
        examples = draw_rows(read_classification(source, raw, project, bad), sample, ("text",), ("label", "split"))
        return complete_examples(examples, name, find_tokenizer(source)) | build_left_out_table(bad, examples)

    def check_first_rows(self, source: Any, raw: Path, project: Path) -> None:
        """Check texts, labels and splits."""
        check_first_rows(source, raw, project)

    def audit(self, tables: Tables) -> pa.Table:
        """Count duplicates, leakage and label conflicts."""
        return add_left_out(audit_classification(tables["examples"], tables[SEEN]), tables)

    def list_held_out(self, tables: Tables) -> list[str]:
        """List texts outside the training part; all of them where folds are drawn."""
        return list_texts_outside_training(tables["examples"])

    def requires(self, source: Any) -> frozenset[str] | None:
        """Require vectors of texts; of examples with features, those of their columns will do, too."""
        of_texts = frozenset({"texts", "labeled_texts"})
        return of_texts if getattr(source, "features", None) is None else of_texts | {"columns"}


def complete_examples(examples: pa.Table, name: str, tokenizer: Tokenizer = "default") -> dict[str, pa.Table]:
    """Find near-duplicates of labeled texts, and the test texts that are seen in training.

    Raises
    ------
    DataError
        No embedding could be evaluated on them; see `emb_pipeline.tasks.classification.audit.require_evaluable`.
    """
    require_evaluable(examples, name)
    return find_copies(examples, tokenizer)


def read_classification(source: ClassificationSource, raw: Path, project: Path, bad: BadRows | None = None) -> pa.Table:
    """Read labelled texts.

    Parameters
    ----------
    source : ClassificationSource
        Where the texts, labels and splits are.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.
    bad : BadRows, optional
        Counts the rows that are left out; by default as the source says.

    Returns
    -------
    pa.Table
        example_id, text, label, split (train, validation, test; null throughout where there is no official split), and
        group, where the source names a column for it, and one column for each of its features
        (`emb_pipeline.text.columns`).

    Raises
    ------
    DataError
        A text, label or group is empty, a label or split is unknown, an id repeats, a split is empty, a class has one
        example, there are fewer than two classes, or a file is missing, damaged or not what the source says.
    """
    if source.reader in READERS:
        with bad or BadRows.of(source) as bad:
            table: pa.Table = READERS[source.reader].read_examples(source, raw, project, bad)
        return table
    with bad or BadRows.of(source) as bad:
        examples = _check_examples(source, raw, project, bad)
    place = source.origin
    splits = getattr(source, "splits", None) or (("train", "test") if getattr(source, "split_column", None) else ())
    for split in splits:
        _require_split(examples, split, place, bad)
    return examples.table(
        place,
        bad,
        min_examples=getattr(source, "min_examples", None),
        grouped=getattr(source, "group", None) is not None,
    )


def check_first_rows(source: ClassificationSource, raw: Path, project: Path) -> None:
    """Check the first rows of every file that is there, one by one; see `emb_pipeline.readers.files.named_files.first_rows`.

    Raises
    ------
    DataError
        As for `read_classification`, except for what only the whole can tell.
    """
    with BadRows.of(source) as bad:
        if source.reader in READERS:
            READERS[source.reader].check_first_rows(source, raw, project, bad)
        else:
            _check_examples(source, raw, project, bad, LABELED_TEXTS[source.reader].most_checked)


def _check_examples(
    source: ClassificationSource, raw: Path, project: Path, bad: BadRows, at_most: int | None = None
) -> _Examples:
    examples = _Examples(getattr(source, "labels", None), FurtherValues(source))
    found = LABELED_TEXTS[source.reader].read_labeled_texts(source, raw, project, bad)
    for place, example_id, text, label, split, group, *values in islice(found, at_most):
        if bad.leaves_out_empty and not (text.strip() and label.strip()):
            bad.leave_out_empty(place)
            continue
        try:
            examples.add(place, example_id, text, label, split, group, values)
        except DataError as error:
            bad.take(error)
    return examples


class _Examples:
    """Labelled texts, each checked as it comes."""

    def __init__(self, labels: Sequence[str] | None, features: FurtherValues) -> None:
        self._labels = None if labels is None else set(labels)
        self._features = features
        self._rows: list[tuple[str, str, str, str | None, str | None, dict[str, Any]]] = []
        self._places: dict[str, str] = {}
        self._first_of: dict[str, str] = {}

    def add(
        self,
        place: str,
        example_id: str,
        text: str,
        label: str,
        split: str | None,
        group: str | None,
        given: Sequence[Mapping[str, str]],
    ) -> None:
        label, values = label.strip(), self._features.check(place, text, given)
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
        self._rows.append((example_id, text, label, split, group, values))

    def table(self, place: str, bad: BadRows, *, min_examples: int | None, grouped: bool) -> pa.Table:
        sizes = Counter(label for _, _, label, *_ in self._rows)
        if min_examples is not None:
            self._rows = [row for row in self._rows if sizes[row[2]] >= min_examples]
            sizes = Counter({label: size for label, size in sizes.items() if size >= min_examples})
        if len(sizes) < 2:
            found = f"only the class '{next(iter(sizes))}'" if sizes else "no example"
            found += f" of {min_examples} examples or more" if min_examples else ""
            raise DataError(
                place,
                f"there is {found}{bad.describe_left_out()}",
                "a classification task needs two classes; check file, label column and splits",
            )
        for label, size in sizes.items():
            if size == 1:
                remedy = "add another, merge the class with one that it belongs to, or drop the row"
                raise DataError(self._first_of[label], f"class '{label}' has this one example", remedy)
        schema = EXAMPLES_SCHEMA.append(GROUP) if grouped else EXAMPLES_SCHEMA
        *columns, values = zip(*self._rows, strict=True)
        made = [pa.array(column, pa.string()) for column in columns[: len(schema)]]
        return self._features.add_columns(pa.Table.from_arrays(made, schema=schema), values)

    @property
    def splits(self) -> set[str | None]:
        return {split for _, _, _, split, *_ in self._rows}


def _require_split(examples: _Examples, split: str, place: str, bad: BadRows) -> None:
    if split not in examples.splits:
        raise DataError(
            place,
            f"the split '{split}' has no example{bad.describe_left_out()}",
            "correct 'splits' or the split column, or leave them out to be evaluated by folds",
        )
