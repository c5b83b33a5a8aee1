"""Columns of a task's examples: read from text, and put into its tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.tables.times import TIME, TimeColumn
from emb_pipeline.text.columns import CATEGORY, NUMBER, ROW_AS_TEXT


class FurtherValues:
    """The values of a source's further columns, its features and its time, row by row, each checked as it comes.

    Parameters
    ----------
    source : Source
        May have ``features`` (`emb_pipeline.readers.options.FeatureColumns`), ``text_columns`` and ``time``.
    """

    def __init__(self, source: Any) -> None:
        self._features = getattr(source, "features", None)
        self._has_text = self._features is None or bool(source.text_columns)
        self._time, self._place = TimeColumn(getattr(source, "time", None)), str(source.origin)

    def check(self, place: str, text: str, given: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """Check the values of one row: names stay as they are, numbers and times are parsed; missing ones are None.

        Raises
        ------
        DataError
            A number or a time is none, or all columns of a row without text are empty.
        """
        values = given[0] if given else {}
        time = {}
        if self._time.column is not None:
            time[TIME.name] = self._time.parse(values[self._time.column], place)
        if self._features is None:
            return time
        if not self._has_text and not text:
            raise DataError(place, "all of its columns are empty", "fill one in or drop the row")
        made: dict[str, Any] = {CATEGORY + name: values[name] or None for name in self._features.categorical}
        return made | time | {NUMBER + name: _parse(values[name], place, name) for name in self._features.numeric}

    def add_columns(self, examples: pa.Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Add the columns of these rows to examples, and say where there is no other text."""
        examples = self._time.append(examples, [row.get(TIME.name) for row in rows], self._place)
        if self._features is None:
            return examples
        for name in self._features.names:
            prefix, kind = (CATEGORY, pa.string()) if name in self._features.categorical else (NUMBER, pa.float64())
            examples = examples.append_column(prefix + name, pa.array([row[prefix + name] for row in rows], kind))
        if not self._has_text:
            examples = examples.append_column(ROW_AS_TEXT, pa.repeat(pa.scalar(True), examples.num_rows))
        return examples


def _parse(value: str, place: str, column: str) -> float | None:
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(
            place,
            f"column '{column}' holds '{value}', which is no number",
            f"correct it, add it to 'missing' if it means that, or name '{column}' under categorical",
        )
    return number
