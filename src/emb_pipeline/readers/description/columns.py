"""The content of a table's columns, from its first rows."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from emb_pipeline.readers.options import MISSING
from emb_pipeline.text.words import tokenize

MOST_LABELS = 1000
"""Distinct values above which a column is not taken for one of labels."""
_ID = re.compile(r"(?:^|[_\s-])(?:id|key|uuid|guid|nr|no|index|idx|isbn|asin|url)$|^(?:id|key|uuid|guid|index|idx)|Id$")
_UNNAMED = re.compile(r"^(?:unnamed: \d+|)$", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """A column, and what it holds in the rows that were looked at.

    Attributes
    ----------
    name : str
        As the file has it.
    n_rows, n_empty : int
        Rows that were looked at, and those of them without a value.
    counts : mapping
        Rows of each distinct value, the most frequent first; of at most `MOST_LABELS` + 1 values.
    n_distinct : int
        Distinct values.
    words, characters : float
        Mean length of a value.
    numeric, whole, dates : float
        Shares of the values that are numbers, whole numbers, dates.
    is_list : bool
        Whether the values are lists.
    """

    name: str
    n_rows: int
    n_empty: int
    counts: Mapping[str, int] = field(repr=False)
    n_distinct: int
    words: float
    characters: float
    numeric: float
    whole: float
    dates: float
    is_list: bool = False

    @property
    def n_values(self) -> int:
        """Count the rows with a value."""
        return self.n_rows - self.n_empty

    @property
    def distinct(self) -> float:
        """Share of the values that no other row has, or has first."""
        return self.n_distinct / max(self.n_values, 1)

    @property
    def is_id(self) -> bool:
        """Tell if the column only names its rows, or those of another file."""
        if _UNNAMED.match(self.name):
            return True
        return bool(_ID.search(self.name)) and self.words < 3

    @property
    def is_text(self) -> bool:
        """Tell if people would read it: several words, or a line of a script without spaces, seldom the same."""
        long_enough = self.words >= 2.5 or (self.characters >= 8 and self.words >= 1.5)
        return not self.is_list and long_enough and self.numeric < 0.5 and self.dates < 0.5 and self.distinct > 0.2

    @property
    def is_label(self) -> bool:
        """Tell if it could be predicted: few values, each of several rows."""
        if self.is_list or self.is_id or not 2 <= self.n_distinct <= MOST_LABELS:
            return False
        if self.numeric > 0.99 and self.whole < 0.99:
            return False
        return self.n_distinct <= max(self.n_values / 4, 2) and self.words <= 6

    @property
    def is_score(self) -> bool:
        """Tell if it is numbers, of at least two values."""
        return not self.is_list and self.numeric > 0.99 and self.n_distinct >= 2


def describe_columns(names: Sequence[str], rows: Iterable[Sequence[object]]) -> list[Column]:
    """Describe the columns of some rows.

    Parameters
    ----------
    names : sequence of str
        The columns' names.
    rows : iterable of sequences
        A value for each column; None, an empty text and what pandas writes for them are no values.
    """
    values: list[list[object]] = [[] for _ in names]
    n_rows = 0
    for row in rows:
        n_rows += 1
        for column, value in zip(values, row, strict=True):
            if not _is_empty(value):
                column.append(value)
    return [_describe(name, n_rows, found) for name, found in zip(names, values, strict=True)]


def is_number(text: str) -> bool:
    """Tell whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_empty(value: object) -> bool:
    if isinstance(value, list | tuple):
        return not value
    return value is None or str(value).strip() == "" or str(value) in MISSING


def _describe(name: str, n_rows: int, values: Sequence[object]) -> Column:
    is_list = bool(values) and all(isinstance(value, list | tuple) for value in values)
    texts = [str(value).strip() for value in values]
    counts = Counter(texts)
    some = texts[:2000]
    n_some = max(len(some), 1)
    return Column(
        name,
        n_rows,
        n_rows - len(texts),
        MappingProxyType(dict(counts.most_common(MOST_LABELS + 1))),
        len(counts),
        words=statistics.fmean(len(tokenize(text)) for text in some) if some else 0.0,
        characters=statistics.fmean(map(len, some)) if some else 0.0,
        numeric=sum(map(is_number, some)) / n_some,
        whole=sum(is_number(text) and float(text).is_integer() for text in some) / n_some,
        dates=sum(map(_is_date, some)) / n_some,
        is_list=is_list,
    )


def _is_date(text: str) -> bool:
    if len(text) < 8 or not text[0].isdigit():
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return not text.isdigit() or text[:2] in ("19", "20")
