"""Texts with labels from files: read as YAML says, refused with file, row and reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.multi_label.reader import MultiLabelReader, MultiLabelSource, read_label_sets

SOURCE: TypeAdapter[Any] = TypeAdapter(MultiLabelSource)
HEADER = "text,label"
ROWS = ["first,a;b", "second,", "third, b ; a ;b", "fourth,c"]


def read(folder: Path, content: str, suffix: str = "csv", **source: object) -> list[dict[str, Any]]:
    (folder / f"rows.{suffix}").write_text(content, encoding="utf-8")
    values = SOURCE.validate_python({"reader": suffix, "path": f"rows.{suffix}", "label": "label", **source})
    return read_label_sets(values, folder, folder).to_pylist()


def csv_of(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def test_a_cell_of_labels_is_split_at_the_separator_and_each_counts_once(tmp_path: Path) -> None:
    rows = read(tmp_path, csv_of(*ROWS), separator=";")
    assert [row["labels"] for row in rows] == [["a", "b"], [], ["b", "a"], ["c"]]


def test_a_text_without_a_label_is_kept(tmp_path: Path) -> None:
    assert [row["text"] for row in read(tmp_path, csv_of(*ROWS), separator=";", empty="leave_out")][1] == "second"


@pytest.mark.parametrize("cell", ['["a", "b"]', "['a', 'b']", "('a', 'b')"])
def test_a_list_that_is_written_as_text_is_read(cell: str, tmp_path: Path) -> None:
    quoted = cell.replace('"', '""')
    assert read(tmp_path, csv_of(f'first,"{quoted}"', "second,[]"))[0]["labels"] == ["a", "b"]


def test_lists_of_json_are_read_and_numbers_get_their_names(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"text": f"t{n}", "label": labels}) + "\n" for n, labels in enumerate([[0, 1], [], None]))
    assert [row["labels"] for row in read(tmp_path, lines, "jsonl", label_names=["no", "yes"])] == [["no", "yes"], [], []]


def test_a_column_for_each_label_is_read(tmp_path: Path) -> None:
    content = csv_of("first,1,0", "second,0,", "third,1.0,true", header="text,red,blue")
    rows = read(tmp_path, content, label=None, label_columns=["red", "blue"])
    assert [row["labels"] for row in rows] == [["red"], [], ["red", "blue"]]


def test_splits_groups_and_ids_come_along(tmp_path: Path) -> None:
    content = csv_of("one,a;b,dev,d1,7", "two,b,test,d2,8", header="text,label,part,doc,key")
    rows = read(tmp_path, content, separator=";", split="part", group="doc", id="key")
    assert [(row["split"], row["group"], row["example_id"]) for row in rows] == [
        ("validation", "d1", "7"),
        ("test", "d2", "8"),
    ]


def test_rare_labels_are_left_out_and_their_texts_kept(tmp_path: Path) -> None:
    assert [row["labels"] for row in read(tmp_path, csv_of(*ROWS), separator=";", min_examples=2)][-1] == []


def test_labels_of_one_part_alone_are_left_out_on_request(tmp_path: Path) -> None:
    content = csv_of("one,a;b,train", "two,b;c,test", header="text,label,part")
    rows = read(tmp_path, content, separator=";", split="part", both_parts=True)
    assert [row["labels"] for row in rows] == [["b"], ["b"]]
    with pytest.raises(DataError, match="there is no split; name 'splits' or 'split', or leave it out"):
        read(tmp_path, csv_of(*ROWS), separator=";", both_parts=True)


@pytest.mark.parametrize(
    ("row", "source", "message"),
    [
        (",a", {"separator": ";"}, "rows.csv, row 2: the text is empty"),
        ("one,a", {}, "rows.csv, row 2: label 'a' is no list of labels; say what is between two labels: 'separator"),
        ("one,d", {"separator": ";", "labels": ["a", "b"]}, "label 'd' is not among"),
        ("one,7", {"separator": ";", "label_names": ["x", "y"]}, "label '7' has no name"),
    ],
)
def test_bad_rows_are_refused_with_file_row_and_reason(
    row: str, source: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, csv_of(row), **source)


def test_a_column_of_other_numbers_than_0_and_1_is_refused(tmp_path: Path) -> None:
    content = csv_of("first,2,0", header="text,red,blue")
    with pytest.raises(DataError, match=r"rows\.csv, row 2: red is '2'; write 1 where the text has the label, else 0"):
        read(tmp_path, content, label=None, label_columns=["red", "blue"])


@pytest.mark.parametrize(
    "source",
    [
        {"label": None},
        {"label_columns": ["a", "b"]},
        {"label": None, "label_columns": ["a", "b"], "separator": ";"},
        {"features": {"categorical": ["color"]}},
    ],
)
def test_options_that_contradict_one_another_or_say_nothing_here_are_refused(source: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"label_columns|'features' are for classification"):
        SOURCE.validate_python({"reader": "csv", "path": "x.csv", "label": "label", **source})


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["one,a", "two,a", "three,"], "the labels to learn are .*needs two"),
        (["one,a;b", "one,b"], "an interval needs 2 or more"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(rows: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(csv_of(*rows), encoding="utf-8")
    source = SOURCE.validate_python({"reader": "csv", "path": "rows.csv", "label": "label", "separator": ";"})
    with pytest.raises(DataError, match=message):
        MultiLabelReader().read(source, tmp_path, tmp_path, "colors")
