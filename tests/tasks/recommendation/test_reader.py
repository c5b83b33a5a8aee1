"""Interactions from files: read, split by time, cut to their core; refused with file, row and reason."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.named_files import first_rows
from emb_pipeline.tasks.recommendation.reader import RecommendationReader
from emb_pipeline.tasks.recommendation.sources import InteractionsSource
from emb_pipeline.tasks.recommendation.task import RecommendationTask

N_USERS, N_ITEMS = 12, 5
ITEMS = [f"i{item},film {item},drama" for item in range(N_ITEMS)]
EVERYTHING = [f"u{user},i{item},{100 * user + item}" for user in range(N_USERS) for item in range(N_ITEMS)]


def read(
    folder: Path, rows: list[str], header: str = "user,item,timestamp", items: list[str] | None = None, **options: object
) -> dict[str, pa.Table]:
    (folder / "log.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    (folder / "items.csv").write_text("\n".join(["item,title,genre", *(ITEMS if items is None else items)]) + "\n")
    values = {"path": "log.csv", "items": "items.csv", "text": ["title", "genre"], "core": 2, **options}
    reader = RecommendationReader()
    return reader.read(InteractionsSource(**values), folder, folder, "next")


def splits(tables: dict[str, pa.Table]) -> dict[tuple[str, str], str]:
    return {(row["user_id"], row["item_id"]): row["split"] for row in tables["interactions"].to_pylist()}


def audit(tables: dict[str, pa.Table]) -> dict[str, tuple[int, int]]:
    return {row["check"]: (row["count"], row["total"]) for row in RecommendationReader().audit(tables).to_pylist()}


def test_the_last_is_tested_and_the_one_before_it_validates(tmp_path: Path) -> None:
    found = splits(read(tmp_path, list(reversed(EVERYTHING))))
    assert [found["u3", f"i{item}"] for item in range(5)] == ["train", "train", "train", "validation", "test"]


def test_an_item_has_the_text_of_several_columns_and_its_tokens(tmp_path: Path) -> None:
    items = {row["item_id"]: row for row in read(tmp_path, EVERYTHING)["items"].to_pylist()}
    assert items["i2"]["text"] == "film 2\ndrama" and len(items["i2"]["text_token_ids"]) == 3
    assert [items[f"i{item}"]["n_train"] for item in range(5)] == [12, 12, 12, 12, 0]


def test_with_a_cut_in_time_nothing_that_is_learnt_from_is_later_than_a_test(tmp_path: Path) -> None:
    rows = [f"u{user},i{item},{100 * item + user}" for user in range(N_USERS) for item in range(N_ITEMS)]
    tables = read(tmp_path, rows, split="time", test_share=0.2, validation_share=0.2)
    of_split = {part: [] for part in ("train", "validation", "test")}
    for row in tables["interactions"].to_pylist():
        of_split[row["split"]].append(row["timestamp"])
    assert max(of_split["train"]) < min(of_split["validation"]) <= max(of_split["validation"]) < min(of_split["test"])
    assert audit(tables)["learnt_from_the_future"][0] == 0


def test_what_happens_at_the_cut_is_tested_whole(tmp_path: Path) -> None:
    rows = [f"u{user},i{item},{item}" for user in range(N_USERS) for item in range(N_ITEMS)]
    found = splits(read(tmp_path, rows, split="time", test_share=0.1, validation_share=0.2))
    assert {found[f"u{user}", "i4"] for user in range(N_USERS)} == {"test"}
    assert {found[f"u{user}", "i3"] for user in range(N_USERS)} == {"validation"}


def test_the_audit_counts_what_is_learnt_from_the_future(tmp_path: Path) -> None:
    # Users come one after the other: the four earlier ones of user u are before his test, those of later users after it.
    lines = audit(read(tmp_path, EVERYTHING))
    later = sum(4 * (N_USERS - 1 - user) for user in range(N_USERS))
    assert lines["learnt_from_the_future"] == (later, 4 * N_USERS * N_USERS)
    assert lines["users_tested"] == (12, 12) and lines["interactions.test"] == (12, 60)
    assert lines["cold_items"] == (1, 5) and lines["cold_tests"] == (12, 12)


def test_the_core_is_that_before_the_test_and_has_a_fixed_point(tmp_path: Path) -> None:
    # Item x is known to u0 and u1; u1 knows only x before his test, so he goes, and then x is below the core, too.
    rows = [*EVERYTHING, "u0,x,-5", "lone,x,1", "lone,i0,2", "lone,i1,3"]
    tables = read(tmp_path, rows, items=[*ITEMS, "x,film x,drama"], core=3)
    assert not any(user == "lone" for user, _ in splits(tables))
    counts = {row["item_id"]: row["n_train"] for row in tables["items"].to_pylist()}
    assert counts["x"] == 0 and counts["i0"] == 12
    assert splits(tables)["u0", "x"] == "train"  # known, though not learnt from: it is not recommended again
    lines = audit(tables)
    assert lines["users_below_core"] == (1, 13) and lines["interactions_below_core"] == (1, 49)


def test_equal_times_are_ordered_alike_whatever_the_order_of_rows(tmp_path: Path) -> None:
    rows = [f"u{user},i{item},7" for user in range(N_USERS) for item in range(N_ITEMS)]
    one, other = splits(read(tmp_path, rows)), splits(read(tmp_path, list(reversed(rows))))
    assert one == other
    assert len({item for (_, item), split in one.items() if split == "test"}) > 1  # not the last id each time
    assert audit(read(tmp_path, rows))["ties_in_time"] == (12, 12)


def test_of_a_repeated_pair_the_first_counts(tmp_path: Path) -> None:
    tables = read(tmp_path, [*EVERYTHING, "u0,i0,9999"])
    assert splits(tables)["u0", "i0"] == "train"
    assert audit(tables)["repetitions"] == (1, 61)


def test_ratings_become_likes_from_a_line_on(tmp_path: Path) -> None:
    rows = [f"{row},{4 if number % 7 else 3.5}" for number, row in enumerate(EVERYTHING)]
    tables = read(tmp_path, rows, "user,item,timestamp,stars", rating="stars", min_rating=4)
    assert audit(tables)["below_min_rating"] == (9, 60)
    assert len(splits(tables)) == 51
    with pytest.raises(ValidationError, match="go together"):
        InteractionsSource(path="log.csv", rating="stars")


def test_dates_are_times(tmp_path: Path) -> None:
    rows = [f"u{user},i{item},2024-05-{item + 1:02}T10:00:00+02:00" for user in range(N_USERS) for item in range(N_ITEMS)]
    times = read(tmp_path, rows)["interactions"]["timestamp"].to_pylist()
    assert times[0] == datetime(2024, 5, 1, 8, tzinfo=UTC).timestamp()


def test_parquet_keeps_its_own_types(tmp_path: Path) -> None:
    users = [user for user in range(N_USERS) for _ in range(N_ITEMS)]
    items = [f"i{item}" for _ in range(N_USERS) for item in range(N_ITEMS)]
    times = [datetime(2024, 1, 1 + int(item[1:])) for item in items]
    pq.write_table(pa.table({"user": users, "item": items, "timestamp": times}), tmp_path / "log.parquet")
    tables = read(tmp_path, [], path="log.parquet")
    assert splits(tables)["7", "i4"] == "test"


def test_without_a_file_of_items_there_are_no_texts(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("\n".join(["user,item,timestamp", *EVERYTHING]))
    source = InteractionsSource(path="log.csv", core=2)
    tables = RecommendationReader().read(source, tmp_path, tmp_path, "next")
    assert tables["items"]["text"].null_count == tables["items"].num_rows == 5
    assert RecommendationReader().requires(source) == {"interactions"}


def test_no_text_is_held_out(tmp_path: Path) -> None:
    assert RecommendationReader().list_held_out(read(tmp_path, EVERYTHING)) == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*EVERYTHING, "u0,nowhere,3"], r"log.csv, row 62: item 'nowhere' is not in items.csv; add it there"),
        ([*EVERYTHING, "u0,i1,soon"], r"log.csv, row 62: timestamp 'soon' is no time; write a number"),
        ([*EVERYTHING, "u0,i1,nan"], r"row 62: timestamp is empty"),
        ([*EVERYTHING, ",i1,3"], r"row 62: user is empty"),
        ([], r"log.csv: there is no interaction"),
        (EVERYTHING[:25], r"next: 5 users with a history are tuned on .*10 are the fewest"),
    ],
)
def test_bad_rows_are_refused_with_file_row_and_reason(rows: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, rows)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([*ITEMS, "i9,,"], r"items.csv, row 7: the text of 'i9' is empty"),
        ([*ITEMS, "i0,film,drama"], r"items.csv, row 7: item 'i0' stands there a second time"),
    ],
)
def test_bad_items_are_refused(items: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, EVERYTHING, items=items)


def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"next: the split 'train' is empty; .* 'test_share'"):
        read(tmp_path, [f"u{user},i{item},7" for user in range(N_USERS) for item in range(N_ITEMS)], split="time")


def test_a_rating_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 2: stars 'good' is no number"):
        read(tmp_path, ["u0,i0,1,good"], "user,item,timestamp,stars", rating="stars", min_rating=4)


UNTIMED = [f"u{user},i{item}" for user in range(N_USERS) for item in range(N_ITEMS)]


def test_without_times_a_hash_draws_what_is_tested(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"log.csv: there is no column 'timestamp'; .* 'split: leave_random'"):
        read(tmp_path, UNTIMED, "user,item")
    tables = read(tmp_path, UNTIMED, "user,item", split="leave_random")
    assert tables["interactions"]["timestamp"].null_count == 60
    found = splits(tables)
    for user in range(N_USERS):
        assert sorted(found[f"u{user}", f"i{item}"] for item in range(N_ITEMS)) == ["test", *["train"] * 3, "validation"]
    assert len({item for (_, item), split in found.items() if split == "test"}) > 2
    assert found == splits(read(tmp_path, UNTIMED[::-1], "user,item", split="leave_random"))
    lines = audit(tables)
    assert lines["without_times"] == (12, 12) and not lines.keys() & {"ties_in_time", "learnt_from_the_future"}
    task = RecommendationTask.from_tables(tables)
    assert task.split.reshape(N_USERS, N_ITEMS)[:, -1].tolist() == ["test"] * N_USERS  # what is learnt from stands before it


def test_options_that_would_have_no_effect_are_refused() -> None:
    for options in ({"split": "leave_random", "timestamp": "day"}, {"test_share": 0.1}, {"weight_scale": "linear"}):
        with pytest.raises(ValidationError):
            InteractionsSource(path="log.csv", **options)


@pytest.mark.parametrize("column", ["rating", "Stars", "score"])
def test_a_rating_that_nobody_asked_for_is_refused(column: str, tmp_path: Path) -> None:
    rows, header = [f"{row},{1 + number % 5}" for number, row in enumerate(EVERYTHING)], f"user,item,timestamp,{column}"
    with pytest.raises(DataError, match=f"'rating: {column}' with 'min_rating: 4' .* 'rating: false'"):
        read(tmp_path, rows, header)
    assert audit(read(tmp_path, rows, header, rating=column, min_rating=2))["below_min_rating"] == (12, 60)
    assert len(splits(read(tmp_path, rows, header, rating=False))) == 60
    assert len(splits(read(tmp_path, rows, header, weight=column))) == 60


def test_weights_are_read_on_a_scale(tmp_path: Path) -> None:
    rows = [f"{row},{1 if number % 2 else 7}" for number, row in enumerate(EVERYTHING)]
    logs = read(tmp_path, rows, "user,item,timestamp,plays", weight="plays")["interactions"]
    assert set(logs["weight"].to_pylist()) == {1, 3}  # log2(1 + 1), log2(1 + 7)
    raw = read(tmp_path, rows, "user,item,timestamp,plays", weight="plays", weight_scale="linear")
    assert set(raw["interactions"]["weight"].to_pylist()) == {1, 7}
    assert audit(raw)["weighted"] == (60, 60)
    task = RecommendationTask.from_tables(raw)
    assert task.testing.learnt.weights is not None and task.testing.learnt.confidence.max() == 7
    assert task.testing.known.max() == 1
    for weight in ("0", "-1", "many", ""):
        with pytest.raises(DataError, match=r"row 2: plays .* is no weight"):
            read(tmp_path, [f"u0,i0,1,{weight}"], "user,item,timestamp,plays", weight="plays")


def test_bad_rows_are_listed_together_or_left_out_and_counted(tmp_path: Path) -> None:
    rows = [*EVERYTHING, "u0,nowhere,3", "u0,i1,soon", ",i1,3"]
    with pytest.raises(DataError, match=r"(?s)row 62: item 'nowhere'.*row 63: timestamp 'soon'.*row 64: user is empty"):
        read(tmp_path, rows)
    lines = audit(read(tmp_path, rows, on_error="skip"))
    assert lines["left_out_errors"] == (3, 63)


def test_first_rows_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    read(tmp_path, EVERYTHING)
    reader, source = RecommendationReader(), InteractionsSource(path="log.csv", items="items.csv", text="title", core=2)
    (tmp_path / "log.csv").write_text("user,item,timestamp\n" + "\n".join([*EVERYTHING, "u0,i1,soon"]))
    with first_rows(60):
        reader.check_first_rows(source, tmp_path, tmp_path)
    with first_rows(100), pytest.raises(DataError, match="timestamp 'soon'"):
        reader.check_first_rows(source, tmp_path, tmp_path)


PEOPLE = [f"u{user}|{20 + user}|{'FM'[user % 2]}|" for user in range(N_USERS)]
DESCRIBED = {
    "users": {
        "file": "users.txt",
        "format": "csv",
        "delimiter": "|",
        "columns": ["user", "age", "gender", "job"],
        "attributes": {"gender": {}, "age": {"edges": [25, 30]}, "work": {"column": "job"}},
    },
    "items": {"file": "items.csv", "attributes": {"genre": {"separator": "/"}, "tone": {"flags": ["dark", "light"]}}},
    "text": "title",
}
ITEM_LINES = ["i0,film 0,drama/war,1,0", "i1,film 1,war,1,1", "i2,film 2,,0,0", "i3,film 3,drama,,1", "i4,film 4,drama,0,0"]


def read_described(folder: Path, people: list[str] | None = None, lines: list[str] | None = None, **options: object):
    (folder / "users.txt").write_text("\n".join(PEOPLE if people is None else people), encoding="utf-8")
    (folder / "log.csv").write_text("\n".join(["user,item,timestamp", *EVERYTHING]))
    (folder / "items.csv").write_text("\n".join(["item,title,genre,dark,light", *(ITEM_LINES if lines is None else lines)]))
    source = InteractionsSource(**{"path": "log.csv", "core": 2, **DESCRIBED, **options})
    return RecommendationReader().read(source, folder, folder, "next")


def test_attributes_are_values_of_users_and_items(tmp_path: Path) -> None:
    tables = read_described(tmp_path)
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in tables["attributes"].to_pylist():
        found.setdefault((row["side"], row["id"], row["attribute"]), []).append(row["value"])
    assert found["user", "u1", "gender"] == ["M"] and found["user", "u1", "work"] == [None]
    ages = [found["user", f"u{user}", "age"][0] for user in (4, 5, 9, 10)]
    assert ages == ["below 25", "25 to 30", "25 to 30", "30 on"]
    assert found["item", "i0", "genre"] == ["drama", "war"] and found["item", "i2", "genre"] == [None]
    assert found["item", "i1", "tone"] == ["dark", "light"] and found["item", "i3", "tone"] == ["light"]
    task = RecommendationTask.from_tables(tables)
    of = dict(zip(task.item_ids.tolist(), task.item_attributes.n_values.tolist(), strict=True))
    assert task.item_attributes.names == ("genre", "tone") and of["i0"] == [2, 1] and of["i2"] == [0, 0]
    lines = audit(tables)
    assert lines["with_attribute.user.gender"] == (12, 12) and lines["with_attribute.item.genre"] == (4, 5)
    source = InteractionsSource(path="log.csv", **DESCRIBED)
    assert RecommendationReader().requires(source) == {"interactions", "texts", "user_attributes", "item_attributes"}
    assert {file.name for file in source.find_files(tmp_path, tmp_path)} == {"log.csv", "items.csv", "users.txt"}


def test_numbers_are_cut_into_groups_of_about_the_same_size(tmp_path: Path) -> None:
    users = {**DESCRIBED["users"], "attributes": {"age": {"groups": 3}}}
    table = read_described(tmp_path, users=users)["attributes"].to_pandas()
    assert table[table["side"] == "user"]["value"].value_counts().to_dict() == {"below 24": 4, "24 to 28": 4, "28 on": 4}


@pytest.mark.parametrize(
    ("people", "lines", "message"),
    [
        (PEOPLE[1:], None, r"log.csv, row 2: user 'u0' is not in users.txt; add it there or drop the row"),
        ([*PEOPLE, "u0|1|F|"], None, r"users.txt, row 13: user 'u0' stands there a second time"),
        ([*PEOPLE, "|1|F|"], None, r"users.txt, row 13: 'user' is empty"),
        ([*PEOPLE, "u99|old|F|"], None, r"users.txt, row 13: age 'old' is no number; .* leave 'edges' and 'groups' out"),
        (None, [*ITEM_LINES, "i9,film 9,war,yes,0"], r"items.csv, row 7: dark 'yes' is no flag; write 0 or 1"),
        (None, [*ITEM_LINES, "i0,film 9,war,1,0"], r"items.csv, row 7: item 'i0' stands there a second time"),
    ],
)
def test_bad_attributes_are_refused(people: list[str] | None, lines: list[str] | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_described(tmp_path, people, lines)


def test_a_number_that_cannot_be_read_may_stand_for_itself(tmp_path: Path) -> None:
    users = {**DESCRIBED["users"], "attributes": {"age": {}}}
    table = read_described(tmp_path, [*PEOPLE[:-1], "u11|old|F|"], users=users)["attributes"].to_pandas()
    assert "old" in set(table["value"])


@pytest.mark.parametrize(
    "options",
    [
        {"users": {"file": "users.txt"}},
        {"users": {"file": "users.txt", "attributes": {"age": {"edges": [3, 1]}}}},
        {"users": {"file": "users.txt", "attributes": {"age": {"edges": [3], "groups": 4}}}},
        {"users": {"file": "users.txt", "attributes": {"age": {"column": "a", "flags": ["b"]}}}},
        {"items": {"file": "items.csv"}, "item_id": "id"},
    ],
)
def test_options_of_attributes_that_contradict_each_other_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        InteractionsSource(path="log.csv", **options)


def test_new_users_are_tested_with_all_that_they_take_and_none_of_it_is_learnt_from(tmp_path: Path) -> None:
    rows = [f"u{user},i{item}" for user in range(100) for item in range(N_ITEMS)]
    tables = read(tmp_path, rows, "user,item", split="new_users", test_share=0.3, validation_share=0.2)
    of_user: dict[str, set[str]] = {}
    for (user, _), part in splits(tables).items():
        of_user.setdefault(user, set()).add(part)
    assert all(len(parts) == 1 for parts in of_user.values())
    sizes = [sum(parts == {part} for parts in of_user.values()) for part in ("train", "validation", "test")]
    assert sum(sizes) == 100 and abs(sizes[1] - 20) < 12 and abs(sizes[2] - 30) < 12
    task = RecommendationTask.from_tables(tables)
    assert len(task.tuning.users) == sizes[1] and len(task.testing.users) == sizes[2]
    assert not np.isin(task.testing.learnt.users, task.testing.users).any()
    assert task.testing.wanted[task.testing.users].sum() == N_ITEMS * sizes[2]
