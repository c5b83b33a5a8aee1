"""Texts with a number, of tables, each checked as it comes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.registry import READERS as FORMATS
from emb_pipeline.readers.registry import build_source_type
from emb_pipeline.tasks.audit.text_checks import require_parts
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
from emb_pipeline.tasks.regression.audit import audit_regression
from emb_pipeline.tasks.regression.sources import READERS
from emb_pipeline.text.seen import SEEN
from emb_pipeline.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    RegressionSource: TypeAlias = Any
else:
    RegressionSource = build_source_type(READERS.values())
"""Anything that texts with a number can be read from."""

EXAMPLES_SCHEMA = pa.schema(
    [("example_id", pa.string()), ("text", pa.string()), ("target", pa.float64()), ("split", pa.string())]
)
GROUP = pa.field("group", pa.string())
"""A further column of examples, where the source names one: examples of one group stay in one fold."""
FEWEST_EXAMPLES = 10
"""Examples below which a correlation says nothing."""


class RegressionReader(ExamplesReader):
    """Texts with a number: table ``examples``."""

    source_type = RegressionSource

    def read(self, source: Any, raw: Path, project: Path, name: str, sample: int | None = None) -> dict[str, pa.Table]:
        """Read texts with a number; there are numbers to learn and to test."""
        bad = BadRows.of(source)
        examples = draw_rows(read_regression(source, raw, project, bad), sample, ("text",), ("split",))
        return complete_numbered(examples, name, find_tokenizer(source)) | build_left_out_table(bad, examples)

    def check_first_rows(self, source: Any, raw: Path, project: Path) -> None:
        """Check texts, numbers and splits."""
        with BadRows.of(source) as bad:
            READERS[source.reader].check_first_rows(source, raw, project, bad)

    def audit(self, tables: Tables) -> pa.Table:
        """Count duplicates, leakage and contradicting numbers."""
        return add_left_out(audit_regression(tables["examples"], tables[SEEN]), tables)

    def list_held_out(self, tables: Tables) -> list[str]:
        """List texts outside the training part; all of them where folds are drawn."""
        return list_texts_outside_training(tables["examples"])

    def requires(self, source: Any) -> frozenset[str] | None:
        """Require vectors of texts; of examples with features, those of their columns will do, too."""
        return frozenset({"texts"} if source.features is None else {"texts", "columns"})


def complete_numbered(examples: pa.Table, name: str, tokenizer: Tokenizer = "default") -> dict[str, pa.Table]:
    """Find near-duplicates of texts with a number, and the test texts that are seen in training.

    Raises
    ------
    DataError
        No embedding could be evaluated on them: see `require_parts`; or the numbers of a part are all equal.
    """
    require_parts(examples, name)
    for part in ("train", "test"):
        numbers = [
            target
            for target, split in zip(examples["target"].to_pylist(), examples["split"].to_pylist(), strict=True)
            if split is None or (split == "test") == (part == "test")
        ]
        if len(set(numbers)) < 2:
            what = "every text" if None in examples["split"].to_pylist() else f"every text of the part '{part}'"
            raise DataError(name, f"gives {what} the number {numbers[0]:g}", "check which column is the target")
    return find_copies(examples, tokenizer)


def read_regression(source: RegressionSource, raw: Path, project: Path, bad: BadRows | None = None) -> pa.Table:
    """Read texts with a number.

    Parameters
    ----------
    source : RegressionSource
        Where the texts, numbers and splits are.
    raw, project : Path
        Folder that public sources are fetched to, and the one that paths are relative to.
    bad : BadRows, optional
        Counts the rows that are left out; by default as the source says.

    Returns
    -------
    pa.Table
        example_id, text, target (float64), split (train, validation, test; null throughout where there is no official
        split), group, where the source names a column for it, and one column for each of its features
        (`emb_pipeline.text.columns`).

    Raises
    ------
    DataError
        A text or group is empty, a number is empty or none, an id repeats, there are fewer than ten examples, or a file is
        missing, damaged or not what the source says.
    """
    with bad or BadRows.of(source) as bad:
        found: pa.Table = READERS[source.reader].read_examples(source, raw, project, bad)
    return found


def read_numbered_texts(source: Any, raw: Path, project: Path, bad: BadRows) -> pa.Table:
    """Read the examples of rows with a text and a number."""
    found = list(_read_rows(source, raw, project, bad))
    bad.raise_all()
    if len(found) < FEWEST_EXAMPLES:
        reason = f"has {len(found)} texts with a number{bad.describe_left_out()}"
        raise DataError(source.origin, reason, f"give at least {FEWEST_EXAMPLES}")
    schema = EXAMPLES_SCHEMA.append(GROUP) if source.group is not None else EXAMPLES_SCHEMA
    *columns, values = zip(*found, strict=True)
    made = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=False)]
    return FurtherValues(source).add_columns(pa.Table.from_arrays(made, schema=schema), values)


def check_numbered_texts(source: Any, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows."""
    for _ in _read_rows(source, raw, project, bad):
        pass


def _read_rows(
    source: Any, raw: Path, project: Path, bad: BadRows
) -> Iterator[tuple[str, str, float, str | None, str | None, dict[str, Any]]]:
    features = FurtherValues(source)
    labeled = source.model_copy(update={"label": source.target})
    places: dict[str, str] = {}
    for place, example_id, text, value, split, group, *given in FORMATS[source.reader].read_labeled_texts(
        labeled, raw, project, bad
    ):
        if bad.leaves_out_empty and not (text.strip() and value.strip()):
            bad.leave_out_empty(place)
            continue
        try:
            values = features.check(place, text, given)
            if not text.strip():
                raise DataError(place, "the text is empty", "fill it in or drop the row, or say 'empty: leave_out'")
            number = _read_number(value, place, source.target)
            if group is not None and not group.strip():
                raise DataError(place, "the group is empty", "give each example a group, or leave 'group' out")
            if example_id in places:
                raise DataError(place, f"id '{example_id}' was used by {places[example_id]}", "give each example its own id")
        except DataError as error:
            bad.take(error)
            continue
        places[example_id] = place
        yield example_id, text, number, split, group, values


def _read_number(value: str, place: str, column: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not np.isfinite(number):
        remedy = "say 'empty: leave_out' if it is empty on purpose, or fill it in" if not value.strip() else "correct it"
        raise DataError(place, f"{column} {value!r} is no number", f"{remedy}, or say 'on_error: skip'")
    return number
