"""Test rows by how many training rows have their rarest value."""

from __future__ import annotations

import pyarrow as pa

from emb_pipeline.text.rare_values import find_rare_values


def table(splits: list[str | None], **columns: list[str | None]) -> dict[str, pa.Table]:
    ids = [f"r{row}" for row in range(len(splits))]
    named = {f"category.{name}": pa.array(values, pa.string()) for name, values in columns.items()}
    return {"examples": pa.table({"example_id": ids, "split": pa.array(splits, pa.string()), **named})}


def test_a_row_belongs_to_its_rarest_value_among_training_rows() -> None:
    splits = ["train"] * 12 + ["test"] * 4
    shop = ["a"] * 12 + ["a", "b", "a", "a"]
    colour = ["red"] * 10 + ["blue"] * 2 + ["red", "red", "blue", None]
    found = find_rare_values(table(splits, shop=shop, colour=colour))
    assert found == {
        "in no training row": {"r13", "r15"},  # the shop b; no training row lacks a colour
        "in 1 to 9": {"r14"},
        "in 10 to 99": {"r12"},
        "in 100 or more": set(),
    }


def test_without_a_test_part_the_other_rows_are_counted() -> None:
    found = find_rare_values(table([None] * 4, shop=["a", "a", "a", "b"]))
    assert found["in no training row"] == {"r3"} and found["in 1 to 9"] == {"r0", "r1", "r2"}


def test_a_task_without_columns_has_no_parts() -> None:
    assert find_rare_values(table([None])) == {} and find_rare_values({"sentences": pa.table({"a": [1]})}) == {}
