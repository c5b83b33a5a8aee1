"""Files of interactions: who took what and when."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.named_files import NamedFile, named_files
from emb_pipeline.readers.options import PlacedSource
from emb_pipeline.readers.tables.rows import column_names, holds_texts, read_identified_texts, read_values, rows, table_of
from emb_pipeline.readers.tables.values import identifier, text_of
from emb_pipeline.tasks.audit.lines import AuditLines
from emb_pipeline.tasks.recommendation.attributes import ValuesOf, read_attributes, table_of_attributes
from emb_pipeline.tasks.recommendation.audit import CHECKS
from emb_pipeline.tasks.recommendation.sources import AttributedFile, InteractionsSource

RATINGS = frozenset("rating ratings stars score".split())
"""Names that columns with ratings have in published data sets."""
_LOOKED_AT = 1000
"""Rows of JSON lines whose keys are the columns."""


@dataclass(frozen=True, eq=False)
class InteractionLog:
    """Interactions by the numbers of their users and items."""

    users: np.ndarray
    items: np.ndarray
    times: np.ndarray
    weights: np.ndarray | None
    user_ids: list[str]
    item_ids: list[str]

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray) -> InteractionLog:
        weights = None if self.weights is None else self.weights[rows]
        return InteractionLog(self.users[rows], self.items[rows], self.times[rows], weights, self.user_ids, self.item_ids)


@dataclass(frozen=True, eq=False)
class Sides:
    """Texts and attributes of users and items; None where no file says anything.

    Attributes
    ----------
    texts : dict of str to str, optional
        Of each item.
    users, items : dict, optional
        Values of the attributes of each.
    """

    texts: dict[str, str] | None = None
    users: ValuesOf | None = None
    items: ValuesOf | None = None


def read_interactions(
    source: InteractionsSource, raw: Path, project: Path, bad: BadRows
) -> tuple[InteractionLog, Sides, AuditLines]:
    """Read the interactions, what is said of items and users, and what was left out."""
    left_out = AuditLines(CHECKS)
    sides = _read_sides(source, raw, project, bad)
    return _log(source, raw, project, sides, left_out, bad), sides, left_out


def check_interactions(source: InteractionsSource, raw: Path, project: Path, bad: BadRows) -> None:
    """Check the first rows."""
    _read_sides(source, raw, project, bad)
    for _ in _read_interactions(source, raw, project, Sides(), bad):
        pass


def _read_sides(source: InteractionsSource, raw: Path, project: Path, bad: BadRows) -> Sides:
    texts = users = items = None
    if (described := source.item_file) is not None:
        files, id_column = _list_files(described, source, raw, project), described.id or source.item
        read_as = partial(table_of_attributes, described=described)
        texts = read_identified_texts(files, id_column, source.text, read_as, bad)
        if described.attributes:
            items = read_attributes(files, described, id_column, bad)
    if source.users is not None:
        users = read_attributes(_list_files(source.users, source, raw, project), source.users, source.user, bad)
    return Sides(texts, users, items)


def _list_files(described: AttributedFile, source: InteractionsSource, raw: Path, project: Path) -> list[NamedFile]:
    if source.path is not None:
        return named_files(PlacedSource(path=described.file), raw, project)
    return named_files(source, raw, project, glob=described.file)


def _log(
    source: InteractionsSource,
    raw: Path,
    project: Path,
    sides: Sides,
    left_out: AuditLines,
    bad: BadRows,
) -> InteractionLog:
    user_of: dict[str, int] = {}
    item_of: dict[str, int] = {}
    users, items, times, weights = [], [], [], []
    n_rows = 0
    for found in _read_interactions(source, raw, project, sides, bad):
        n_rows += 1
        if found is not None:
            user, item, seconds, weight = found
            users.append(user_of.setdefault(user, len(user_of)))
            items.append(item_of.setdefault(item, len(item_of)))
            times.append(seconds)
            weights.append(weight)
    bad.raise_all()
    if source.rating:
        note = f"interactions with a {source.rating} below {source.min_rating:g}: left out"
        left_out.add("below_min_rating", n_rows - len(users), n_rows, note)
    if not users:
        raise DataError(
            str(source.download or source.path or source.package),
            "there is no interaction" + (f" with a {source.rating} of {source.min_rating:g} or more" if n_rows else ""),
            "check 'files', the columns and 'min_rating'",
        )
    numbers = np.array(users), np.array(items), np.array(times, dtype=np.float64)
    return InteractionLog(*numbers, np.array(weights) if source.weight else None, list(user_of), list(item_of))


def _read_interactions(
    source: InteractionsSource, raw: Path, project: Path, sides: Sides, bad: BadRows
) -> Iterator[tuple[str, str, float, float] | None]:
    """Stream user, item, time and weight of each row that can be used; None for one whose rating is too low."""
    timed = source.has_times
    optional = [source.timestamp if timed else None, source.rating or None, source.weight]
    columns = [source.user, source.item, *(column for column in optional if column is not None)]
    for file in named_files(source, raw, project):
        for number, (given_user, given_item, *others) in _read_values(file, source, columns, bad):
            place = f"{file.name}, row {number}"
            try:
                user = identifier(text_of(given_user, place, source.user))
                item = identifier(text_of(given_item, place, source.item))
                if bad.leaves_out_empty and not (user and item):
                    bad.leave_out_empty(place)
                    continue
                for column, value in ((source.user, user), (source.item, item)):
                    if not value:
                        raise DataError(place, f"{column} is empty", "fill it in or drop the row, or say 'empty: leave_out'")
                for side, key, described, known in (
                    ("item", item, source.item_file, sides.texts),
                    ("user", user, source.users, sides.users),
                ):
                    if described is not None and known is not None and key not in known:
                        raise DataError(place, f"{side} '{key}' is not in {described.file}", "add it there or drop the row")
                seconds = _parse_seconds(others.pop(0), place, source.timestamp) if timed else math.nan
                rating = _parse_rating(others.pop(0), place, source.rating) if source.rating else math.inf
                weight = _compute_weight(others.pop(0), place, source) if source.weight else 1.0
            except DataError as error:
                bad.take(error)
                continue
            yield None if rating < float(source.min_rating or 0) else (user, item, seconds, weight)


def _read_values(
    file: NamedFile, source: InteractionsSource, columns: list[str], bad: BadRows
) -> Iterator[tuple[int, tuple[object, ...]]]:
    table = table_of(file, source)
    _require_named(file, source, column_names(file, table, _LOOKED_AT), columns)
    yield from (rows if holds_texts(file, table) else read_values)(file, table, columns, bad)


def _require_named(file: NamedFile, source: InteractionsSource, existing: list[str], wanted: list[str]) -> None:
    """Refuse interactions whose time is missing, or whose ratings nobody asked for: a dislike would count as a like."""
    if source.timestamp in wanted and existing and source.timestamp not in existing:
        raise DataError(
            file.name,
            f"there is no column '{source.timestamp}'",
            f"name the time ('timestamp: …'), one of {existing[:20]}, or say 'split: leave_random' where no time is known",
        )
    ratings = [column for column in existing if column.strip().casefold() in RATINGS and column not in wanted]
    if source.rating is None and ratings:
        raise DataError(
            file.name,
            f"the column '{ratings[0]}' looks like a rating and is not named",
            f"say from where on it is a like, 'rating: {ratings[0]}' with 'min_rating: 4' or so, or that every row is one, "
            "'rating: false'",
        )


def _compute_weight(value: object, place: str, source: InteractionsSource) -> float:
    try:
        weight = _require_finite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        weight = 0
    if weight <= 0:
        remedy = "weights are numbers above 0: correct it, drop the row, or leave 'weight' out"
        raise DataError(place, f"{source.weight} {value!r} is no weight", remedy)
    return math.log2(1 + weight) if source.weight_scale == "log" else weight


def _parse_seconds(value: object, place: str, column: str) -> float:
    """Read a time as a number; a date without a zone is taken as UTC."""
    if value is None or value == "":
        raise DataError(place, f"{column} is empty", "fill it in or drop the row")
    moment = value
    if isinstance(value, str):
        try:
            return _require_finite(float(value))
        except ValueError:
            try:
                moment = datetime.fromisoformat(value.strip())
            except ValueError:
                moment = None
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(moment, date):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC).timestamp()
    if isinstance(moment, int | float | Decimal) and not isinstance(moment, bool) and math.isfinite(moment):
        return float(moment)
    raise DataError(
        place, f"{column} {value!r} is no time", "write a number, or a date as in 2024-05-31 or 2024-05-31T18:30:00+02:00"
    )


def _parse_rating(value: object, place: str, column: str) -> float:
    try:
        return _require_finite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        remedy = "correct it, or leave 'rating' and 'min_rating' out if every row is a like"
        raise DataError(place, f"{column} {value!r} is no number", remedy) from error


def _require_finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(value)
    return value
