"""Times of rows: a column with dates, dates with a time of day, months, years, or numbers since 1970."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.tables.values import identifier, text_of

TIME = pa.field("time", pa.timestamp("us", "UTC"))
"""A further column of examples, where the source names one; null for a row without a time."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHAPES: Mapping[str, re.Pattern[str]] = {
    "year": re.compile(r"\d{4}", re.ASCII),
    "month": re.compile(r"\d{4}-\d{2}", re.ASCII),
    "date": re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}", re.ASCII),
    "date with a time of day": re.compile(r"(\d{4}-\d{2}-\d{2}|\d{8})[T ]\d{2}:?\d{2}(:?\d{2}([.,]\d+)?)?", re.ASCII),
    "date with a time of day and a zone": re.compile(
        r"(\d{4}-\d{2}-\d{2}|\d{8})[T ]\d{2}:?\d{2}(:?\d{2}([.,]\d+)?)? ?(Z|z|[+-]\d{2}(:?\d{2})?)",
        re.ASCII,
    ),
    "seconds since 1970": re.compile(r"-?\d{9,10}(\.\d+)?", re.ASCII),
    "milliseconds since 1970": re.compile(r"-?\d{12,13}(\.0+)?", re.ASCII),
    "microseconds since 1970": re.compile(r"-?\d{15,16}(\.0+)?", re.ASCII),
    "nanoseconds since 1970": re.compile(r"-?\d{18,19}(\.0+)?", re.ASCII),
}
_PER_SECOND = {"milliseconds since 1970": 10**3, "microseconds since 1970": 10**6, "nanoseconds since 1970": 10**9}
_ALIKE = (
    frozenset({"date", "date with a time of day"}),
    frozenset({"date", "date with a time of day and a zone"}),
)
"""Ways of writing that one column may mix: a date is its first moment, in UTC."""
_REMEDY = (
    "write 2024-05-31, 2024-05-31T18:30:00 (taken as UTC), 2024-05-31T18:30:00+02:00, 2024-05, 2024, or seconds since 1970, "
    "or leave the value empty: the row then has no time"
)


class TimeColumn:
    """The column that a source names for the time of its rows, each value parsed as it comes.

    All values of a column are written in one way. Days first or months first (``05/06/2024``) is not guessed.

    Parameters
    ----------
    column : str, optional
        Its name; None where the source names none.

    Examples
    --------
    >>> TimeColumn("sent").parse("2024-05-31T18:30:00+02:00", "a.csv, row 2").isoformat()
    '2024-05-31T16:30:00+00:00'
    >>> TimeColumn("sent").parse("1717173000", "a.csv, row 2").isoformat()
    '2024-05-31T16:30:00+00:00'
    """

    def __init__(self, column: str | None) -> None:
        self.column = column
        self._seen: dict[str, str] = {}

    @property
    def columns(self) -> list[str]:
        """The columns to read: this one, or none."""
        return [] if self.column is None else [self.column]

    def parse(self, value: object, place: str) -> datetime | None:
        """Parse a value; None where it is missing, or where the source names no column.

        Parameters
        ----------
        value : object
            Text, or what a file has: a date, a number.
        place : str
            Of the row, for messages.

        Returns
        -------
        datetime, optional
            In UTC. A year or a month is its first moment. A time of day without a zone is taken as UTC. Of numbers, 9 or 10
            digits are seconds since 1970, 12 or 13 milliseconds, 15 or 16 microseconds, 18 or 19 nanoseconds; what is finer
            than a microsecond is cut off.

        Raises
        ------
        DataError
            It is no time, or is written in another way than the rows before it.
        """
        if self.column is None:
            return None
        text = identifier(text_of(value, place, self.column))
        if not text:
            return None
        shape = next((name for name, pattern in _SHAPES.items() if pattern.fullmatch(text)), None)
        try:
            if shape is None:
                raise ValueError(text)
            moment = _read(text, shape)
        except (ValueError, OverflowError) as error:
            raise DataError(place, f"{self.column} {text[:60]!r} is no time", _REMEDY) from error
        self._require_alike(shape, text, place)
        return moment

    def append(self, table: pa.Table, times: Sequence[datetime | None], place: str) -> pa.Table:
        """Append the times of all rows to a table; the same table where the source names no column.

        Raises
        ------
        DataError
            No row has a time.
        """
        self.require_some(times, place)
        return table if self.column is None else table.append_column(TIME, pa.array(list(times), TIME.type))

    def require_some(self, times: Iterable[datetime | None], place: str) -> None:
        """Refuse a column without a time in any row.

        Raises
        ------
        DataError
            There is none.
        """
        if self.column is not None and all(time is None for time in times):
            raise DataError(
                place, f"column '{self.column}' is empty in every row", "name another column under 'time', or leave it out"
            )

    def _require_alike(self, shape: str, text: str, place: str) -> None:
        for other, where in self._seen.items():
            if other != shape and not any({other, shape} <= alike for alike in _ALIKE):
                raise DataError(
                    place,
                    f"{self.column} {text[:60]!r} is written as {shape}, that of {where} as {other}",
                    "write all values of the column in one way",
                )
        self._seen.setdefault(shape, place)


def _read(text: str, shape: str) -> datetime:
    if shape == "year":
        return datetime(int(text), 1, 1, tzinfo=UTC)
    if shape == "month":
        return datetime(int(text[:4]), int(text[5:]), 1, tzinfo=UTC)
    if shape in _PER_SECOND:
        return _EPOCH + timedelta(microseconds=int(text.partition(".")[0]) * 10**6 // _PER_SECOND[shape])
    if shape == "seconds since 1970":
        whole, _, part = text.partition(".")
        sign = -1 if whole.startswith("-") else 1
        return _EPOCH + timedelta(seconds=int(whole), microseconds=sign * int(part[:6].ljust(6, "0")))
    moment = datetime.fromisoformat(re.sub(r" (?=[Zz+-])", "", text).upper())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
