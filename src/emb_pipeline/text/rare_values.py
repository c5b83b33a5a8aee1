"""Test rows by how many other rows have their rarest value: what encoders of columns know least of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from emb_pipeline.text.columns import find_columns

BOUNDS = (0, 1, 10, 100)
"""Rows from which on a part begins."""
PARTS = ("in no training row", "in 1 to 9", "in 10 to 99", "in 100 or more")


def find_rare_values(tables: Mapping[str, pa.Table]) -> dict[str, set[str]]:
    """Find the test rows whose rarest value is in so many training rows: names of examples by part, of `PARTS`.

    A row's rarest value is that of its categorical columns that fewest training rows have. Where no part is a test part,
    folds are drawn: all rows are test rows, and all others are training rows. Without categorical columns no part is there.
    """
    examples = tables.get("examples")
    columns = None if examples is None else find_columns(examples)
    if examples is None or columns is None or not columns.categorical:
        return {}
    ids = np.array(examples["example_id"].to_pylist(), dtype=object)
    splits = examples["split"].to_pylist() if "split" in examples.column_names else [None] * len(ids)
    tested = np.array([split == "test" for split in splits], dtype=bool)
    has_split = bool(tested.any())
    fewest = np.full(len(ids), np.iinfo(np.int64).max)
    for codes, values in zip(columns.codes.T, columns.values, strict=True):
        counts = np.bincount(codes[~tested], minlength=len(values))
        fewest = np.minimum(fewest, counts[codes] - (not has_split))
    part_of = np.searchsorted(BOUNDS, fewest, side="right") - 1
    judged = tested if has_split else np.ones(len(ids), dtype=bool)
    return {part: set(ids[judged & (part_of == number)].tolist()) for number, part in enumerate(PARTS)}
