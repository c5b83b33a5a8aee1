"""Rows of any format: their columns, and their values as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from emb_pipeline.errors import DataError, find_nearest_name

_MOST_COLUMNS = 50
_EXACT = 2**53
"""From here on a floating-point number is no exact count."""


def text_of(value: object, place: str, column: str) -> str:
    """Write a value as text; a missing one (null, NaN, NaT) is empty.

    Examples
    --------
    >>> text_of(1.0, "", ""), text_of(0.5, "", ""), text_of(float("nan"), "", ""), text_of(date(2024, 5, 31), "", "")
    ('1', '0.5', '', '2024-05-31')

    Raises
    ------
    DataError
        It is a list, an object, or bytes that are no UTF-8.
    """
    if is_missing(value):
        return ""
    match value:
        case str():
            try:
                if not value.isascii():
                    value.encode()
            except UnicodeEncodeError as error:
                raise DataError(
                    place, f"column '{column}' holds half of a surrogate pair", "write the character itself"
                ) from error
            return value
        case bool() | int():
            return str(value)
        case float() | Decimal():
            if math.isfinite(value) and value == int(value) and -_EXACT < value < _EXACT:
                return str(int(value))
            return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError as error:
                raise DataError(place, f"column '{column}' holds bytes that are no UTF-8", "write it as a string") from error
    raise DataError(place, f"column '{column}' holds a {type(value).__name__}, not text", "write it as a string")


def identifier(value: str) -> str:
    """Write an id as its table without missing values would have it: pandas writes 1 as 1.0 next to missing values.

    Examples
    --------
    >>> identifier("17.0"), identifier("1.10"), identifier(" p7 ")
    ('17', '1.10', 'p7')
    """
    value = value.strip()
    whole, found, rest = value.partition(".")
    return whole if found and rest == "0" and whole.removeprefix("-").isdecimal() else value


def is_missing(value: object) -> bool:
    """Say whether a value is null, NaN or NaT: the last two differ from themselves."""
    return value is None or (not isinstance(value, str | list | dict) and bool(value != value))


def join_columns(values: Iterable[str]) -> str:
    """Make one text of several columns, empty ones left out."""
    return "\n".join(value for value in values if value and not value.isspace())


def require_group(value: object, place: str) -> str:
    """Check that a row names its group.

    Raises
    ------
    DataError
        It is empty.
    """
    group = identifier(str(value)) if value is not None else ""
    if not group.strip():
        raise DataError(place, "the group is empty", "give each row a group, or leave 'group' out")
    return group


def require_columns(place: str, wanted: Sequence[str], existing: Sequence[str]) -> None:
    """Check that all wanted columns exist, each once.

    Raises
    ------
    DataError
        One does not; the error lists those that do.
    """
    for column in wanted:
        if column not in existing:
            nearest = "".join(f"; perhaps '{name}'" for name in find_nearest_name(column, existing))
            remedy = f"name one of {list(existing)[:_MOST_COLUMNS]}{nearest}"
            raise DataError(place, f"there is no column '{column}'", remedy)
        if existing.count(column) > 1:
            raise DataError(place, f"two columns are called '{column}'", "rename one of them")
