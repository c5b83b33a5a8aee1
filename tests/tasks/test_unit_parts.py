"""Parts of test units."""

from __future__ import annotations

import pyarrow as pa

from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.unit_parts import find_unit_parts

TABLES = {
    "examples": pa.table(
        {
            "example_id": ["1", "2", "3", "4"],
            "text": ["red", "red fish", "one red fish", "blue fish two two"],
            "label": ["x", "y", "x", "x"],
        }
    )
}


def test_parts_of_a_classification() -> None:
    parts = find_unit_parts(KINDS["classification"], TABLES, ["1", "2", "3", "4"])
    assert parts["class"] == {"x": ["1", "3", "4"], "y": ["2"]}
    assert parts["length"] == {"1 to 2 words": ["1", "2"], "3 words": ["3"], "4 words": ["4"]}
    assert parts["rarest word"] == {"in 1 text": ["3", "4"], "in 3 texts": ["1", "2"]}


def test_users_are_parted_by_how_often_the_items_that_they_want_were_taken() -> None:
    rows = [("a", "rare", "test"), ("b", "common", "test"), ("b", "rare", "train"), ("c", "common", "test")]
    users, items, splits = zip(*rows, strict=True)
    tables = {
        "interactions": pa.table({"user_id": users, "item_id": items, "split": splits, "timestamp": range(4)}),
        "items": pa.table({"item_id": ["rare", "common"], "n_train": [1, 9], "text": ["x", "y"]}),
    }
    parts = find_unit_parts(KINDS["recommendation"], tables, ["a", "b", "c"])
    assert parts == {"wanted items": {"taken 1 time": ["a"], "taken 9 times": ["b", "c"]}}


def test_a_language_of_few_units_is_no_part() -> None:
    units = [str(number) for number in range(42)]
    texts = ["der Fisch"] * 20 + ["the fish"] * 20 + ["le poisson", "?"]
    tables = {"examples": pa.table({"example_id": units, "text": texts, "label": ["x", "y"] * 21})}
    names = {"der": "German", "the": "English", "le": "French"}
    parts = find_unit_parts(KINDS["classification"], tables, units, lambda text: names.get(text.split()[0]))
    assert {name: len(each) for name, each in parts["language"].items()} == {"English": 20, "German": 20}
