"""Labeled texts of two sources: one trains, the other tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError, suggest
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.tables.times import TIME
from emb_pipeline.tasks.classification import reader
from emb_pipeline.tasks.classification.sources import TransferSource
from emb_pipeline.text.seen import find_seen_texts
from emb_pipeline.text.texts import TokenIds

OTHER_CLASSES, SEEN_IN_TRAINING = "classes", "seen"
"""Reasons for which texts are left out."""


def read_examples(source: TransferSource, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read both sources into one table with a training and a test part.

    Raises
    ------
    DataError
        As for each source by itself. Or a part is empty, a label that is given another name does not occur, one part alone
        has a class, or the parts share fewer than two.
    """
    train = _read_part(source.train, "train", source.train_labels, raw, project, bad)
    test = _read_part(source.test, "test", source.test_labels, raw, project, bad)
    whole = pa.concat_tables([train, test], promote_options="default")
    whole = _keep_shared_classes(whole, source, bad)
    if "group" in whole.column_names:  # an example of a source without groups is a group of its own
        pairs = zip(whole["group"].to_pylist(), whole["example_id"].to_pylist(), strict=True)
        groups = pa.array([each if group is None else group for group, each in pairs], pa.string())
        whole = whole.drop_columns(["group"]).append_column(reader.GROUP, groups)
    return _leave_out_seen(whole, source, bad) if source.seen == "leave_out" else whole


def check_first_rows(source: TransferSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows of both sources, each by its own options."""
    for part in (source.train, source.test):
        reader.check_first_rows(part, raw, project)


def _read_part(part: Any, name: str, renamed: Mapping[str, str], raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read one source, with the names of its ids, groups and labels as they are in the task."""
    of_part = BadRows.of(part)
    table = reader.read_classification(part, raw, project, of_part)
    bad.add_counts(of_part)
    labels = table["label"].to_pylist()
    unknown = sorted(set(renamed) - set(labels))
    if unknown:
        remedy = f"correct '{name}_labels': {suggest(unknown[0], sorted(set(labels)))}"
        raise DataError(part.origin, f"no text has the label {unknown[0]!r} that '{name}_labels' names", remedy)
    splits = table["split"].to_pylist()
    kept = [row for row, split in enumerate(splits) if split is None or (split == "test") is (name == "test")]
    if not kept:
        reason = f"it has no {'test' if name == 'test' else 'training'} part, which '{name}' reads"
        raise DataError(
            part.origin, reason, "correct its 'splits' or its split column, or leave them out: all texts are read"
        )
    columns = {
        "example_id": [f"{name}:{each}" for each in table["example_id"].to_pylist()],
        "text": table["text"].to_pylist(),
        "label": [renamed.get(label, label) for label in labels],
        "split": [split or name for split in splits],
    }
    if "group" in table.column_names:
        columns["group"] = [f"{part.origin}:{group}" for group in table["group"].to_pylist()]
    made = pa.table({column: pa.array(values, pa.string()) for column, values in columns.items()})
    if TIME.name in table.column_names:
        made = made.append_column(TIME, table[TIME.name])
    return made.take(pa.array(kept, pa.int64()))


def _keep_shared_classes(whole: pa.Table, source: TransferSource, bad: BadRows) -> pa.Table:
    labels, splits = whole["label"].to_pylist(), whole["split"].to_pylist()
    pairs = set(zip(labels, (split == "test" for split in splits), strict=True))
    alone = {
        part: sorted(label for label, is_test in pairs if is_test is tests and (label, not tests) not in pairs)
        for part, tests in (("train", False), ("test", True))
    }
    shared = sorted({label for label in labels if {(label, False), (label, True)} <= pairs})
    if len(shared) < 2:
        raise DataError(
            source.origin,
            f"the classes that both parts have are {shared}; train has {_list_some(alone['train'])} alone, "
            f"test {_list_some(alone['test'])}",
            "a classification task needs two: give labels of one meaning one name, under 'train_labels' and 'test_labels'",
        )
    if source.other_labels == "refuse" and (alone["train"] or alone["test"]):
        found = " and ".join(f"'{part}' has {_list_some(names)}" for part, names in alone.items() if names)
        raise DataError(
            source.origin,
            f"classes are in one part alone: {found}",
            "name them alike under 'train_labels' and 'test_labels', or say 'other_labels: leave_out'",
        )
    return _leave_out(whole, [label not in set(shared) for label in labels], OTHER_CLASSES, bad)


def _leave_out_seen(whole: pa.Table, source: TransferSource, bad: BadRows) -> pa.Table:
    ids, tested = whole["example_id"].to_pylist(), np.array([split == "test" for split in whole["split"].to_pylist()])
    found = find_seen_texts(TokenIds.of(whole["text"].to_pylist()), ids, tested, ~tested)
    seen = set(found["unit_id"].to_pylist())
    if len(seen) == int(tested.sum()):
        remedy = "test on other texts: 'train' and 'test' read the same ones"
        raise DataError(source.origin, "every test text is in the training part, too, or nearly", remedy)
    return _leave_out(whole, [each in seen for each in ids], SEEN_IN_TRAINING, bad)


def _leave_out(whole: pa.Table, is_out: Sequence[bool], reason: str, bad: BadRows) -> pa.Table:
    ids = whole["example_id"].to_pylist()
    for each in (each for each, out in zip(ids, is_out, strict=True) if out):
        bad.leave_out_for(reason, each)
    return whole.filter(pa.array([not out for out in is_out], pa.bool_()))


def _list_some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "") or "none"
