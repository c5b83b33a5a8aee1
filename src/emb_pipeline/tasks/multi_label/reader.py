"""Texts with any number of labels, each checked as it comes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.registry import build_source_type
from emb_pipeline.readers.tables.times import TimeColumn
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
from emb_pipeline.tasks.multi_label.audit import audit_multi_label, require_evaluable
from emb_pipeline.tasks.multi_label.formats import LabeledSet
from emb_pipeline.tasks.multi_label.sources import READERS
from emb_pipeline.text.seen import SEEN
from emb_pipeline.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    MultiLabelSource: TypeAlias = Any
else:
    MultiLabelSource = build_source_type(READERS.values())
"""Anything that texts with labels can be read from."""

EXAMPLES_SCHEMA = pa.schema(
    [
        ("example_id", pa.string()),
        ("text", pa.string()),
        ("labels", pa.list_(pa.string())),
        ("split", pa.string()),
        ("group", pa.string()),
    ]
)


class MultiLabelReader(ExamplesReader):
    """Texts with labels: table ``examples``."""

    source_type = MultiLabelSource

    def read(self, source: Any, raw: Path, project: Path, name: str, sample: int | None = None) -> dict[str, pa.Table]:
        """Read texts with labels; at least two labels can be learned."""
        bad = BadRows.of(source)
        examples = draw_rows(read_label_sets(source, raw, project, bad), sample, ("text",), ("labels", "split"))
        return complete_examples(examples, name, find_tokenizer(source)) | build_left_out_table(bad, examples)

    def check_first_rows(self, source: Any, raw: Path, project: Path) -> None:
        """Check texts, labels and splits."""
        with BadRows.of(source) as bad:
            _check_examples(READERS[source.reader].read_examples(source, raw, project, bad), source, bad)

    def audit(self, tables: Tables) -> pa.Table:
        """Count labels, duplicates and leakage."""
        return add_left_out(audit_multi_label(tables["examples"], tables[SEEN]), tables)

    def list_held_out(self, tables: Tables) -> list[str]:
        """List texts outside the training part; all of them where folds are drawn."""
        return list_texts_outside_training(tables["examples"])


def complete_examples(examples: pa.Table, name: str, tokenizer: Tokenizer = "default") -> dict[str, pa.Table]:
    """Find near-duplicates of the texts, and the test texts that are seen in training.

    Raises
    ------
    DataError
        No embedding could be evaluated on them; see `emb_pipeline.tasks.multi_label.audit.require_evaluable`.
    """
    require_evaluable(examples, name)
    return find_copies(examples, tokenizer)


def read_label_sets(source: MultiLabelSource, raw: Path, project: Path, bad: BadRows | None = None) -> pa.Table:
    """Read texts with any number of labels.

    Parameters
    ----------
    source : MultiLabelSource
        Where texts, labels and splits are.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.
    bad : BadRows, optional
        Counts the rows that are left out; by default as the source says.

    Returns
    -------
    pa.Table
        example_id, text, labels (a list, perhaps empty), split (train, validation, test; null throughout where there is no
        official split), and group and time, where the source has them.

    Raises
    ------
    DataError
        A text or group is empty, a label or split is unknown, an id repeats, a split is empty, or a file is missing, damaged
        or not what the source says.
    """
    with bad or BadRows.of(source) as bad:
        rows = _check_examples(READERS[source.reader].read_examples(source, raw, project, bad), source, bad)
    if not rows:
        raise DataError(source.origin, "there is no example", "check the files, the text column and the splits")
    rows = _leave_out_labels(rows, source)
    schema = EXAMPLES_SCHEMA if rows[0].group is not None else EXAMPLES_SCHEMA.remove(len(EXAMPLES_SCHEMA) - 1)
    columns = list(zip(*rows, strict=True))[1:]
    found = pa.Table.from_arrays(
        [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=False)], schema=schema
    )
    return TimeColumn(getattr(source, "time", None)).append(found, [row.time for row in rows], source.origin)


def _check_examples(found: Iterable[LabeledSet], source: Any, bad: BadRows) -> list[LabeledSet]:
    known = None if getattr(source, "labels", None) is None else set(source.labels)
    places: dict[str, str] = {}
    rows = []
    for row in found:
        if bad.leaves_out_empty and not row.text.strip():
            bad.leave_out_empty(row.place)
            continue
        try:
            _check_example(row, known, places)
        except DataError as error:
            bad.take(error)
            continue
        places[row.example_id] = row.place
        rows.append(row._replace(labels=tuple(dict.fromkeys(row.labels))))
    return rows


def _check_example(row: LabeledSet, known: set[str] | None, places: dict[str, str]) -> None:
    if not row.text.strip():
        raise DataError(row.place, "the text is empty", "fill it in or drop the row, or say 'empty: leave_out'")
    unknown = [] if known is None else [label for label in row.labels if label not in known]
    if known is not None and unknown:
        raise DataError(
            row.place, f"label {unknown[0]!r} is not among {sorted(known)}", "add it under 'labels' or drop the row"
        )
    if row.group is not None and not row.group.strip():
        raise DataError(row.place, "the group is empty", "give each example a group, or leave 'group' out")
    if row.example_id in places:
        raise DataError(
            row.place, f"id '{row.example_id}' was used by {places[row.example_id]}", "give each example its own id"
        )


def _leave_out_labels(rows: list[LabeledSet], source: Any) -> list[LabeledSet]:
    """Leave out the labels that the source asks to: of few texts, or of one part alone."""
    dropped: set[str] = set()
    least = getattr(source, "min_examples", None)
    if least is not None:
        sizes = Counter(label for row in rows for label in row.labels)
        dropped |= {label for label, size in sizes.items() if size < least}
    if source.both_parts:
        parts: dict[bool, set[str]] = defaultdict(set)
        for row in rows:
            parts[row.split == "test"].update(row.labels)
        if not any(row.split for row in rows):
            raise DataError(
                source.origin, "'both_parts' is said, and there is no split", "name 'splits' or 'split', or leave it out"
            )
        dropped |= parts[True] ^ parts[False]
    if not dropped:
        return rows
    return [row._replace(labels=tuple(label for label in row.labels if label not in dropped)) for row in rows]
