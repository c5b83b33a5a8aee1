"""The look at files for who took what, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emb_pipeline.readers.description.columns import Column, is_number
from emb_pipeline.readers.description.files import Described
from emb_pipeline.tasks.proposal import Named, Proposal, rank_columns

_USERS = ("user", "userid", "customer", "buyer", "reviewer", "member", "session", "visitor", "account", "reader")
_ITEMS = ("item", "itemid", "product", "movie", "movieid", "book", "article", "song", "track", "asin", "isbn", "sku")
_TIMES = ("timestamp", "time", "date", "datetime", "day", "created", "ts", "unixreviewtime")
_RATINGS = ("rating", "stars", "score", "overall")
_WEIGHTS = ("plays", "playcount", "count", "quantity", "minutes", "weight")
_LIKED = 0.75
_FEW = 2


def propose(files: Sequence[Described], named: Named) -> Proposal | None:
    """Propose a recommendation; none where no file has users and items who take part several times."""
    for table in files:
        if table.shape != "rows":
            continue
        user, item = _find(table, _USERS), _find(table, _ITEMS)
        if user is None or item is None or user.n_distinct * _FEW > user.n_values:
            continue
        return _propose(table, user, item, [file for file in files if file is not table])
    return None


def _find(table: Described, names: Sequence[str]) -> Column | None:
    """Find the column whose name is among some, apart from what says that it is an id."""
    for column in rank_columns(table.columns, names, lambda column: column.distinct):
        plain = column.name.casefold().replace("_", "").replace("-", "").replace(" ", "")
        if plain in names or plain.removesuffix("id") in names or plain.removesuffix("key") in names:
            return column
    return None


def _propose(table: Described, user: Column, item: Column, others: Sequence[Described]) -> Proposal:
    notes = []
    kept = ("delimiter", "encoding", "columns", "on_error")
    source: dict[str, Any] = {
        "reader": "interactions",
        "path": table.path,
        "user": user.name,
        "item": item.name,
        **{name: table.options[name] for name in kept if name in table.options},
    }
    time = _find(table, _TIMES)
    if time is None:
        source["split"] = "leave_random"
        notes.append("there is no time: one interaction of each user, drawn by hash, is tested")
    else:
        source["timestamp"] = time.name
    rating, weight = _find(table, _RATINGS), _find(table, _WEIGHTS)
    if rating is not None and rating.is_score:
        source |= {"rating": rating.name, "min_rating": _choose_least_liked(rating)}
        notes.append(f"a {rating.name} of {source['min_rating']:g} or more is a like; others are left out")
    elif weight is not None and weight.is_score:
        source["weight"] = weight.name
    words, items = _find_items(others, item)
    source |= items
    if not items:
        notes.append("there is no file with the items' texts: only what learns from interactions takes part")
    return Proposal(
        "recommendation",
        "my_likes",
        source,
        f"which {item.name} does each {user.name} take next?",
        0.9,
        table.n_items,
        words,
        has_texts=bool(items),
        notes=tuple(notes),
    )


def _choose_least_liked(rating: Column) -> float:
    """Choose the rating from which on one is a like: three quarters of the way from the lowest to the highest."""
    values = sorted(float(value) for value in rating.counts if is_number(value))
    wanted = values[0] + _LIKED * (values[-1] - values[0])
    return next(value for value in values if value >= wanted)


def _find_items(others: Sequence[Described], item: Column) -> tuple[float, Mapping[str, Any]]:
    """Find the file with the items' texts: it has the items' column, or one with their ids, and a text."""
    for file in others:
        texts = [column for column in file.columns if column.words >= 2 and column.numeric < 0.5]
        ids = [column for column in file.columns if column.name == item.name] or [
            column for column in file.columns if len(set(column.counts) & set(item.counts)) > len(item.counts) / 2
        ]
        if file.shape == "rows" and texts and ids and ids[0].distinct > 0.99:
            names = [column.name for column in texts]
            found: dict[str, Any] = {"items": file.path, "text": names if len(names) > 1 else names[0]}
            if ids[0].name != item.name:
                found["item_id"] = ids[0].name
            return sum(column.words for column in texts), found
    return 0.0, {}
