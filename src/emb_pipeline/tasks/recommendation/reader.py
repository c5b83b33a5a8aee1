"""Who took what and when: interactions of users with items, and their split by time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files import NamedFile, named_files
from emb_pipeline.readers.readings import CsvReading, InteractionsReading, PlacedReading, TabularReading, TsvReading
from emb_pipeline.readers.tables import column_names, identified_texts, identifier, rows, table_of, text_of, values_of_rows
from emb_pipeline.tasks.audit import AuditLines, audit_left_out
from emb_pipeline.text.hashing import text_hash

SPLITS = ("train", "validation", "test")
INTERACTIONS_SCHEMA = pa.schema(
    [("user_id", pa.string()), ("item_id", pa.string()), ("timestamp", pa.float64()), ("split", pa.string())]
)
ITEMS_SCHEMA = pa.schema([("item_id", pa.string()), ("text", pa.string()), ("n_train", pa.int64())])
WEIGHT = pa.field("weight", pa.float32())
"""A further column of interactions, where the reading names one."""
RATINGS = frozenset("rating ratings stars score".split())
"""Names that columns with ratings have in published data sets."""
FEWEST_USERS = 10
"""Users that are tested, or tuned on, below which their mean says nothing."""
_LOOKED_AT = 1000
"""Rows of JSON lines whose keys are the columns."""


@dataclass(frozen=True, eq=False)
class _Log:
    """Interactions by the numbers of their users and items."""

    users: np.ndarray
    items: np.ndarray
    times: np.ndarray
    weights: np.ndarray | None
    user_ids: list[str]
    item_ids: list[str]

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray) -> _Log:
        weights = None if self.weights is None else self.weights[rows]
        return _Log(self.users[rows], self.items[rows], self.times[rows], weights, self.user_ids, self.item_ids)


def read_interactions(reading: InteractionsReading, raw: Path, project: Path, name: str) -> dict[str, pa.Table]:
    """Interactions, split by time, and the items.

    In this order: ratings below ``min_rating`` go; of a user's interactions with one item the first one stays; the rest is
    split; users and items that are too rare before the test are found. Equal times of a user are ordered by a hash of user
    and item, so that neither the order of rows nor that of ids (which often follows an item's age) decides what is tested.

    The core is that of the interactions before the test, train and validation: users with fewer than ``core`` of them with
    items that have ``core`` of them with such users, up to the fixed point [1]_, are left out altogether. *Items* below
    the core are not: they are cold. Their interactions are known, and tested, but nothing is learnt from them; to leave
    them out would choose the test by what is easy.

    With ``leave_last`` what other users do later than a user's test interaction is trained on; the audit counts how much.
    With ``time`` nothing is. With ``leave_random`` there is no time: a hash of user and item draws what is tested, and an
    interaction's place in a history means nothing.

    Parameters
    ----------
    reading : InteractionsReading
        Where the files are, and how they are split.
    raw : Path
        Folder that public sources are fetched to.
    project : Path
        Folder that paths are relative to.
    name : str
        Of the task, for messages.

    Returns
    -------
    dict of str to Table
        ``interactions``: user_id, item_id, timestamp (a number; seconds where the file has dates; null without times),
        split, and weight where the reading names a column for it, by user and time;
        ``items``: item_id, text (null throughout where no file of items is named), n_train: interactions of train and
        validation that may be learnt from, 0 for a cold item. All items of that file are there, in the order of their
        hash: equal scores are ranked by it. ``left_out``: what was not taken, as audit lines.

    Raises
    ------
    DataError
        An id or an item's text is empty, a time or rating cannot be read, an item is not in the file of items, an item's
        id repeats, a split is empty, too few users are left, or a file is missing, damaged or not what the reading says.

    References
    ----------
    .. [1] Seidman (1983), Network structure and minimum degree.
    """
    left_out = AuditLines()
    with BadRows.of(reading) as bad:
        texts = _item_texts(reading, raw, project, bad)
        found = _log(reading, raw, project, texts, left_out, bad)
    log = _without_repetitions(found, left_out)
    split = _cut_in_time(log, reading) if reading.split == "time" else _last_left_out(log)
    _require_splits(split, name, reading)
    users, items = _core(log, split < SPLITS.index("test"), reading.core)
    stays = users[log.users]
    left_out.add(
        "users_below_core",
        len(users) - int(users.sum()),
        len(users),
        f"users with fewer than {reading.core} interactions before the test with items that have as many: left out",
        (log.user_ids[user] for user in np.flatnonzero(~users)),
        severity="size",
    )
    log, split = log.take(stays), split[stays]
    cold = ~items[log.items] & (split < SPLITS.index("test"))
    left_out.add(
        "interactions_below_core",
        int(cold.sum()),
        int((split < SPLITS.index("test")).sum()),
        f"interactions before the test with items that have fewer than {reading.core}: known, but not learnt from",
        severity="size",
    )
    _require_splits(split, name, reading)
    _require_users(log, split, items, name, reading)
    learnt = log.items[(split < SPLITS.index("test")) & items[log.items]]
    return {
        "interactions": _interactions_table(log, split),
        "items": _items_table(log, texts, np.bincount(learnt, minlength=len(log.item_ids))),
        "left_out": pa.concat_tables([left_out.table(), audit_left_out(bad, len(found))]),
    }


def check_first_rows(reading: InteractionsReading, raw: Path, project: Path) -> None:
    """Check the first rows of every file that is there, one by one; see `emb_pipeline.readers.files.first_rows`.

    Raises
    ------
    DataError
        As for `read_interactions`, except for what only the whole can tell.
    """
    with BadRows.of(reading) as bad:
        _item_texts(reading, raw, project, bad)
        for _ in _interactions(reading, raw, project, None, bad):
            pass


def _item_texts(reading: InteractionsReading, raw: Path, project: Path, bad: BadRows) -> dict[str, str] | None:
    """The text of each item; None where no file of items is named."""
    if reading.items is None:
        return None
    id_column = reading.item_id or reading.item
    return identified_texts(
        _item_files(reading, raw, project), id_column, reading.text, partial(_item_table, reading=reading), bad
    )


def _item_table(file: NamedFile, reading: InteractionsReading) -> TabularReading:
    return table_of(file, reading.model_copy(update={"columns": reading.item_columns}))


def _item_files(reading: InteractionsReading, raw: Path, project: Path) -> list[NamedFile]:
    if reading.path is not None:
        return named_files(PlacedReading(path=reading.items), raw, project)
    return named_files(reading, raw, project, glob=reading.items)


def _log(
    reading: InteractionsReading,
    raw: Path,
    project: Path,
    texts: dict[str, str] | None,
    left_out: AuditLines,
    bad: BadRows,
) -> _Log:
    user_of: dict[str, int] = {}
    item_of: dict[str, int] = {}
    users, items, times, weights = [], [], [], []
    n_rows = 0
    for found in _interactions(reading, raw, project, texts, bad):
        n_rows += 1
        if found is not None:
            user, item, seconds, weight = found
            users.append(user_of.setdefault(user, len(user_of)))
            items.append(item_of.setdefault(item, len(item_of)))
            times.append(seconds)
            weights.append(weight)
    bad.raise_all()
    if reading.rating:
        note = f"interactions with a {reading.rating} below {reading.min_rating:g}: left out"
        left_out.add("below_min_rating", n_rows - len(users), n_rows, note, severity="size")
    if not users:
        raise DataError(
            str(reading.source or reading.path or reading.package),
            "there is no interaction" + (f" with a {reading.rating} of {reading.min_rating:g} or more" if n_rows else ""),
            "check 'files', the columns and 'min_rating'",
        )
    numbers = np.array(users), np.array(items), np.array(times, dtype=np.float64)
    return _Log(*numbers, np.array(weights) if reading.weight else None, list(user_of), list(item_of))


def _interactions(
    reading: InteractionsReading, raw: Path, project: Path, texts: dict[str, str] | None, bad: BadRows
) -> Iterator[tuple[str, str, float, float] | None]:
    """Stream user, item, time and weight of each row that can be used; None for one whose rating is too low."""
    timed = reading.split != "leave_random"
    optional = [reading.timestamp if timed else None, reading.rating or None, reading.weight]
    columns = [reading.user, reading.item, *(column for column in optional if column is not None)]
    for file in named_files(reading, raw, project):
        for number, (given_user, given_item, *others) in _values(file, reading, columns, bad):
            place = f"{file.name}, row {number}"
            try:
                user = identifier(text_of(given_user, place, reading.user))
                item = identifier(text_of(given_item, place, reading.item))
                if bad.leaves_out_empty and not (user and item):
                    bad.leave_out_empty(place)
                    continue
                for column, value in ((reading.user, user), (reading.item, item)):
                    if not value:
                        raise DataError(place, f"{column} is empty", "fill it in or drop the row, or say 'empty: leave_out'")
                if texts is not None and item not in texts:
                    raise DataError(place, f"item '{item}' is not in {reading.items}", "add it there or drop the row")
                seconds = _seconds(others.pop(0), place, reading.timestamp) if timed else math.nan
                rating = _rating(others.pop(0), place, reading.rating) if reading.rating else math.inf
                weight = _weight(others.pop(0), place, reading) if reading.weight else 1.0
            except DataError as error:
                bad.take(error)
                continue
            yield None if rating < float(reading.min_rating or 0) else (user, item, seconds, weight)


def _values(
    file: NamedFile, reading: InteractionsReading, columns: list[str], bad: BadRows
) -> Iterator[tuple[int, tuple[object, ...]]]:
    table = table_of(file, reading)
    _require_named(file, reading, column_names(file, table, _LOOKED_AT), columns)
    if isinstance(table, CsvReading | TsvReading):
        yield from rows(file, table, columns, bad)
    else:
        yield from values_of_rows(file, table, columns, bad)


def _require_named(file: NamedFile, reading: InteractionsReading, existing: list[str], wanted: list[str]) -> None:
    """Refuse interactions whose time is missing, or whose ratings nobody asked for: a dislike would count as a like."""
    if reading.timestamp in wanted and existing and reading.timestamp not in existing:
        raise DataError(
            file.name,
            f"there is no column '{reading.timestamp}'",
            f"name the time ('timestamp: …'), one of {existing[:20]}, or say 'split: leave_random' where no time is known",
        )
    ratings = [column for column in existing if column.strip().casefold() in RATINGS and column not in wanted]
    if reading.rating is None and ratings:
        raise DataError(
            file.name,
            f"the column '{ratings[0]}' looks like a rating and is not named",
            f"say from where on it is a like, 'rating: {ratings[0]}' with 'min_rating: 4' or so, or that every row is one, "
            "'rating: false'",
        )


def _weight(value: object, place: str, reading: InteractionsReading) -> float:
    try:
        weight = _finite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        weight = 0
    if weight <= 0:
        remedy = "weights are numbers above 0: correct it, drop the row, or leave 'weight' out"
        raise DataError(place, f"{reading.weight} {value!r} is no weight", remedy)
    return math.log2(1 + weight) if reading.weight_scale == "log" else weight


def _seconds(value: object, place: str, column: str) -> float:
    """A time as a number; a date without a zone is taken as UTC."""
    if value is None or value == "":
        raise DataError(place, f"{column} is empty", "fill it in or drop the row")
    moment = value
    if isinstance(value, str):
        try:
            return _finite(float(value))
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


def _rating(value: object, place: str, column: str) -> float:
    try:
        return _finite(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        remedy = "correct it, or leave 'rating' and 'min_rating' out if every row is a like"
        raise DataError(place, f"{column} {value!r} is no number", remedy) from error


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(value)
    return value


def _without_repetitions(log: _Log, left_out: AuditLines) -> _Log:
    """The log by user and time, with the first interaction of each user with each item."""
    ties = np.array(
        [text_hash(f"{log.user_ids[u]}\0{log.item_ids[i]}") for u, i in zip(log.users, log.items, strict=True)], np.uint64
    )
    ordered = log.take(np.lexsort((ties, log.times, log.users)))
    _, first = np.unique(ordered.users * len(log.item_ids) + ordered.items, return_index=True)
    note = "interactions with an item that the user had taken before: the first one stays"
    left_out.add("repetitions", len(log) - len(first), len(log), note, severity="size")
    return ordered.take(np.sort(first))


def _last_left_out(log: _Log) -> np.ndarray:
    """Number of the split of each interaction: the last of a user is tested, the last but one validates."""
    sizes = np.bincount(log.users, minlength=len(log.user_ids))
    ends = np.cumsum(sizes)[log.users]
    from_the_end = ends - np.arange(len(log))
    split: np.ndarray = np.select([from_the_end == 1, from_the_end == 2], [2, 1], 0)
    return split


def _cut_in_time(log: _Log, reading: InteractionsReading) -> np.ndarray:
    """The same by two points in time; what happens at such a point lies after it."""
    ordered = np.sort(log.times)
    tested = ordered[int(len(ordered) * (1 - reading.test_share))]
    validates = ordered[int(len(ordered) * (1 - reading.test_share - reading.validation_share))]
    split: np.ndarray = (log.times >= validates).astype(np.int64) + (log.times >= tested)
    return split


def _core(log: _Log, visible: np.ndarray, core: int) -> tuple[np.ndarray, np.ndarray]:
    """Which users and items have ``core`` visible interactions with one another: two masks."""
    kept = visible
    while True:
        users = np.bincount(log.users[kept], minlength=len(log.user_ids)) >= core
        items = np.bincount(log.items[kept], minlength=len(log.item_ids)) >= core
        staying = kept & users[log.users] & items[log.items]
        if staying.sum() == kept.sum():
            return users, items
        kept = staying


def _require_splits(split: np.ndarray, name: str, reading: InteractionsReading) -> None:
    for number, part in enumerate(SPLITS):
        if not (split == number).any():
            raise DataError(
                name,
                f"the split '{part}' is empty",
                f"'split: {reading.split}' with 'core: {reading.core}' leaves nothing there: give more interactions, "
                "lower 'core', or change 'test_share' and 'validation_share'",
            )


def _require_users(log: _Log, split: np.ndarray, warm: np.ndarray, name: str, reading: InteractionsReading) -> None:
    for part, what in ((SPLITS.index("validation"), "tuned on"), (SPLITS.index("test"), "tested")):
        with_history = np.intersect1d(log.users[split == part], log.users[(split < part) & warm[log.items]])
        if len(with_history) < FEWEST_USERS:
            raise DataError(
                name,
                f"{len(with_history)} users with a history are {what} ('split: {reading.split}', 'core: {reading.core}')",
                f"{FEWEST_USERS} are the fewest; give more interactions, lower 'core', or change the split or its shares",
            )


def _interactions_table(log: _Log, split: np.ndarray) -> pa.Table:
    columns = [
        pa.array([log.user_ids[user] for user in log.users], pa.string()),
        pa.array([log.item_ids[item] for item in log.items], pa.string()),
        pa.array(log.times, pa.float64(), from_pandas=True),
        pa.array([SPLITS[part] for part in split], pa.string()),
    ]
    table = pa.Table.from_arrays(columns, schema=INTERACTIONS_SCHEMA)
    return table if log.weights is None else table.append_column(WEIGHT, pa.array(log.weights, WEIGHT.type))


def _items_table(log: _Log, texts: dict[str, str] | None, counts: np.ndarray) -> pa.Table:
    n_train = dict(zip(log.item_ids, counts.tolist(), strict=True))
    known = [log.item_ids[item] for item in np.unique(log.items)] if texts is None else list(texts)
    known.sort(key=text_hash)
    columns = [
        pa.array(known, pa.string()),
        pa.array([None if texts is None else texts[item] for item in known], pa.string()),
        pa.array([n_train.get(item, 0) for item in known], pa.int64()),
    ]
    return pa.Table.from_arrays(columns, schema=ITEMS_SCHEMA)
