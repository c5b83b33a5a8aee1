"""Who took what and when, split by time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.registry import build_source_type
from emb_pipeline.tasks.audit.left_out import audit_left_out
from emb_pipeline.tasks.audit.lines import AuditLines
from emb_pipeline.tasks.examples.reader import ExamplesReader, Tables, find_tokenizer
from emb_pipeline.tasks.recommendation.attributes import ATTRIBUTES, build_attributes_table
from emb_pipeline.tasks.recommendation.audit import audit_recommendation
from emb_pipeline.tasks.recommendation.interactions import InteractionLog
from emb_pipeline.tasks.recommendation.sources import READERS, InteractionsSource
from emb_pipeline.text.hashing import hash_text
from emb_pipeline.text.texts import tokenize_tables

SPLITS = ("train", "validation", "test")
INTERACTIONS_SCHEMA = pa.schema(
    [("user_id", pa.string()), ("item_id", pa.string()), ("timestamp", pa.float64()), ("split", pa.string())]
)
ITEMS_SCHEMA = pa.schema([("item_id", pa.string()), ("text", pa.string()), ("n_train", pa.int64())])
WEIGHT = pa.field("weight", pa.float32())
"""A further column of interactions, where the source names one."""
FEWEST_USERS = 10
"""Users that are tested, or tuned on, below which their mean says nothing."""


class RecommendationReader(ExamplesReader):
    """Who took what and when: tables ``interactions``, ``items``, ``left_out``, and ``attributes`` where there are any."""

    source_type = build_source_type(READERS.values())

    def read(self, source: Any, raw: Path, project: Path, name: str, sample: int | None = None) -> dict[str, pa.Table]:
        """Read interactions, split by time."""
        if not source.items and find_tokenizer(source) != "default":
            raise DataError(
                name, "the items have no texts to cut into words", "leave 'tokenizer' out, or name the file 'items'"
            )
        tables = read_interactions(source, raw, project, name, sample)
        return tokenize_tables(tables, find_tokenizer(source)) if source.items else tables

    def check_first_rows(self, source: Any, raw: Path, project: Path) -> None:
        """Check users, items, times, ratings and weights."""
        with BadRows.of(source) as bad:
            READERS[source.reader].check_first_rows(source, raw, project, bad)

    def audit(self, tables: Tables) -> pa.Table:
        """Count sizes, cold items, what is learnt from the future, and what was left out."""
        return audit_recommendation(
            tables["interactions"], tables["items"], tables["left_out"], tables.get("attributes", ATTRIBUTES.empty_table())
        )

    def list_held_out(self, tables: Tables) -> list[str]:
        """List nothing: no text is tested on.

        What is tested, who takes what, is in no text. The texts of the items are the collection, as passages are: they
        are all known when a recommendation is made, so a corpus may speak of them.
        """
        return []

    def has_times(self, source: Any) -> bool:
        """Say whether the split looks at the time of interactions."""
        return bool(source.has_times)

    def requires(self, source: Any) -> frozenset[str] | None:
        """Require what the files hold besides interactions: texts of items, attributes."""
        described = source.item_file
        held = {
            "texts": described is not None,
            "item_attributes": described is not None and described.attributes,
            "user_attributes": source.users is not None,
        }
        return frozenset({"interactions", *(name for name, is_there in held.items() if is_there)})


def read_interactions(
    source: InteractionsSource, raw: Path, project: Path, name: str, sample: int | None = None
) -> dict[str, pa.Table]:
    """Read interactions, split them by time, and find the items that can be learnt.

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

    With ``new_users`` the split is one of users: all interactions of a tested user are tested, and none is learnt from. A
    validated user is as new when hyper-parameters are chosen, and is learnt from afterwards.

    Parameters
    ----------
    source : InteractionsSource
        Where the files are, and how they are split.
    raw : Path
        Folder that public sources are fetched to.
    project : Path
        Folder that paths are relative to.
    name : str
        Of the task, for messages.
    sample : int, optional
        Interactions to keep, about: those of users who are drawn by hash.

    Returns
    -------
    dict of str to Table
        ``interactions``: user_id, item_id, timestamp (a number; seconds where the file has dates; null without times),
        split, and weight where the source names a column for it, by user and time;
        ``items``: item_id, text (null throughout where no file of items is named), n_train: interactions of train and
        validation that may be learnt from, 0 for a cold item. All items of that file are there, in the order of their
        hash: equal scores are ranked by it. ``left_out``: what was not taken, as audit lines. ``attributes``, where the
        source names some: those of all users and items, as `emb_pipeline.tasks.recommendation.attributes.ATTRIBUTES`.

    Raises
    ------
    DataError
        An id or an item's text is empty, a time, rating or attribute cannot be read, an item or user is not in the file of
        items or users, an id repeats there, a split is empty, too few users are left, or a file is missing, damaged or not
        what the source says.

    References
    ----------
    .. [1] Seidman (1983), Network structure and minimum degree.
    """
    with BadRows.of(source) as bad:
        found, sides, left_out = READERS[source.reader].read_examples(source, raw, project, bad)
    log = _draw_users(_drop_repetitions(found, left_out), sample)
    split = _SPLIT[source.split](log, source)
    _require_splits(split, name, source)
    users, items = _find_core(log, split < SPLITS.index("test"), source.core)
    if source.split == "new_users":
        users |= np.bincount(log.users[split == SPLITS.index("test")], minlength=len(users)) >= source.core
    stays = users[log.users]
    left_out.add(
        "users_below_core",
        len(users) - int(users.sum()),
        len(users),
        f"users with fewer than {source.core} interactions before the test with items that have as many: left out",
        (log.user_ids[user] for user in np.flatnonzero(~users)),
    )
    log, split = log.take(stays), split[stays]
    cold = ~items[log.items] & (split < SPLITS.index("test"))
    left_out.add(
        "interactions_below_core",
        int(cold.sum()),
        int((split < SPLITS.index("test")).sum()),
        f"interactions before the test with items that have fewer than {source.core}: known, but not learnt from",
    )
    _require_splits(split, name, source)
    _require_users(log, split, items, name, source)
    learnt = log.items[(split < SPLITS.index("test")) & items[log.items]]
    tables = {
        "interactions": _build_interactions_table(log, split),
        "items": _build_items_table(log, sides.texts, np.bincount(learnt, minlength=len(log.item_ids))),
        "left_out": pa.concat_tables([left_out.table(), audit_left_out(bad, len(found))]),
    }
    if source.has_attributes:
        tables["attributes"] = build_attributes_table(
            sides.users, sides.items, (log.user_ids[user] for user in np.unique(log.users))
        )
    return tables


def _drop_repetitions(log: InteractionLog, left_out: AuditLines) -> InteractionLog:
    """Sort the log by user and time, and keep the first interaction of each user with each item."""
    ties = np.array(
        [hash_text(f"{log.user_ids[u]}\0{log.item_ids[i]}") for u, i in zip(log.users, log.items, strict=True)], np.uint64
    )
    ordered = log.take(np.lexsort((ties, log.times, log.users)))
    _, first = np.unique(ordered.users * len(log.item_ids) + ordered.items, return_index=True)
    note = "interactions with an item that the user had taken before: the first one stays"
    left_out.add("repetitions", len(log) - len(first), len(log), note)
    return ordered.take(np.sort(first))


def _leave_last_out(log: InteractionLog, source: InteractionsSource) -> np.ndarray:
    """Find the number of the split of each interaction: the last of a user is tested, the last but one validates."""
    sizes = np.bincount(log.users, minlength=len(log.user_ids))
    ends = np.cumsum(sizes)[log.users]
    from_the_end = ends - np.arange(len(log))
    split: np.ndarray = np.select([from_the_end == 1, from_the_end == 2], [2, 1], 0)
    return split


def _draw_users(log: InteractionLog, n_interactions: int | None) -> InteractionLog:
    """Draw users by hash, with all of their interactions."""
    if n_interactions is None or len(log) <= n_interactions:
        return log
    order = np.argsort([hash_text(f"first answer {user}") for user in log.user_ids], kind="stable")
    counts = np.bincount(log.users, minlength=len(log.user_ids))[order]
    kept = np.zeros(len(log.user_ids), dtype=bool)
    kept[order[: int(np.searchsorted(np.cumsum(counts), n_interactions)) + 1]] = True
    return log.take(kept[log.users])


def _cut_in_time(log: InteractionLog, source: InteractionsSource) -> np.ndarray:
    """Split interactions by two points in time; what happens at such a point is after it."""
    ordered = np.sort(log.times)
    tested = ordered[int(len(ordered) * (1 - source.test_share))]
    validates = ordered[int(len(ordered) * (1 - source.test_share - source.validation_share))]
    split: np.ndarray = (log.times >= validates).astype(np.int64) + (log.times >= tested)
    return split


def _draw_new_users(log: InteractionLog, source: InteractionsSource) -> np.ndarray:
    """Draw by hash the users of each part, each with all interactions."""
    draws = np.array([hash_text(f"new user {user}") / 2**64 for user in log.user_ids])
    of_users = (draws < source.test_share + source.validation_share).astype(np.int64) + (draws < source.test_share)
    split: np.ndarray = of_users[log.users]
    return split


_SPLIT = {
    "leave_last": _leave_last_out,
    "leave_random": _leave_last_out,
    "time": _cut_in_time,
    "new_users": _draw_new_users,
}


def _find_core(log: InteractionLog, visible: np.ndarray, core: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the users and items have ``core`` visible interactions with one another: two masks."""
    kept = visible
    while True:
        users = np.bincount(log.users[kept], minlength=len(log.user_ids)) >= core
        items = np.bincount(log.items[kept], minlength=len(log.item_ids)) >= core
        staying = kept & users[log.users] & items[log.items]
        if staying.sum() == kept.sum():
            return users, items
        kept = staying


def _require_splits(split: np.ndarray, name: str, source: InteractionsSource) -> None:
    for number, part in enumerate(SPLITS):
        if not (split == number).any():
            raise DataError(
                name,
                f"the split '{part}' is empty",
                f"'split: {source.split}' with 'core: {source.core}' leaves nothing there: give more interactions, "
                "lower 'core', or change 'test_share' and 'validation_share'",
            )


def _require_users(log: InteractionLog, split: np.ndarray, warm: np.ndarray, name: str, source: InteractionsSource) -> None:
    for part, what in ((SPLITS.index("validation"), "tuned on"), (SPLITS.index("test"), "tested")):
        wanting = log.users[split == part]
        is_new = source.split == "new_users"
        users = "users" if is_new else "users with a history"
        with_history = np.intersect1d(wanting, wanting if is_new else log.users[(split < part) & warm[log.items]])
        if len(with_history) < FEWEST_USERS:
            raise DataError(
                name,
                f"{len(with_history)} {users} are {what} ('split: {source.split}', 'core: {source.core}')",
                f"{FEWEST_USERS} are the fewest; give more interactions, lower 'core', or change the split or its shares",
            )


def _build_interactions_table(log: InteractionLog, split: np.ndarray) -> pa.Table:
    columns = [
        pa.array([log.user_ids[user] for user in log.users], pa.string()),
        pa.array([log.item_ids[item] for item in log.items], pa.string()),
        pa.array(log.times, pa.float64(), from_pandas=True),
        pa.array([SPLITS[part] for part in split], pa.string()),
    ]
    table = pa.Table.from_arrays(columns, schema=INTERACTIONS_SCHEMA)
    return table if log.weights is None else table.append_column(WEIGHT, pa.array(log.weights, WEIGHT.type))


def _build_items_table(log: InteractionLog, texts: dict[str, str] | None, counts: np.ndarray) -> pa.Table:
    n_train = dict(zip(log.item_ids, counts.tolist(), strict=True))
    known = [log.item_ids[item] for item in np.unique(log.items)] if texts is None else list(texts)
    known.sort(key=hash_text)
    columns = [
        pa.array(known, pa.string()),
        pa.array([None if texts is None else texts[item] for item in known], pa.string()),
        pa.array([n_train.get(item, 0) for item in known], pa.int64()),
    ]
    return pa.Table.from_arrays(columns, schema=ITEMS_SCHEMA)
