"""Texts with a number from files: read as YAML says, refused with file, row and reason; each remedy works."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.registry import KINDS
from emb_pipeline.tasks.regression.reader import RegressionReader, RegressionSource, read_regression

SOURCE: TypeAdapter[RegressionSource] = TypeAdapter(RegressionSource)
ROWS = [f"a text of number {number},{number / 2}" for number in range(12)]


def source_of(folder: Path, rows: list[str], header: str = "text,target", **source: object) -> RegressionSource:
    (folder / "numbers.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return SOURCE.validate_python({"reader": "csv", "path": "numbers.csv", **source})


def read(folder: Path, rows: list[str], header: str = "text,target", **source: object) -> list[dict]:
    return read_regression(source_of(folder, rows, header, **source), folder, folder).to_pylist()


def test_texts_are_read_with_their_numbers_splits_and_groups(tmp_path: Path) -> None:
    rows = [f"a text of {number},-{number}e1,{'test' if number % 3 == 0 else 'train'},g{number % 4}" for number in range(12)]
    found = read(tmp_path, rows, "review,stars,part,shop", text="review", target="stars", split="part", group="shop")
    assert (found[3]["text"], found[3]["target"], found[3]["split"], found[3]["group"]) == ("a text of 3", -30, "test", "g3")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS, "x y,high"], "row 14: target 'high' is no number"),
        ([*ROWS, "x y,inf"], "row 14: target 'inf' is no number"),
        ([*ROWS, "x y,"], "row 14: target '' is no number; say 'empty: leave_out'"),
        ([*ROWS, ",1"], "row 14: the text is empty"),
        (ROWS[:9], "has 9 texts with a number; give at least 10"),
    ],
)
def test_bad_rows_are_refused_with_file_row_and_reason(rows: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, rows)


def test_the_remedies_leave_bad_rows_out_and_the_audit_counts_them(tmp_path: Path) -> None:
    assert len(read(tmp_path, [*ROWS, "x y,", ",1"], empty="leave_out")) == 12
    reader = RegressionReader()
    source = source_of(tmp_path, [*ROWS, "x y,high"], on_error="skip")
    lines = reader.audit(reader.read(source, tmp_path, tmp_path, "stars"))
    assert dict(zip(lines["check"].to_pylist(), lines["count"].to_pylist(), strict=True))["left_out_errors"] == 1


def test_what_is_for_classes_is_refused_and_the_way_out_works(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="'label' is for classes: name the column of the numbers under 'target'"):
        read(tmp_path, ROWS, label="target")
    assert len(read(tmp_path, ROWS, target="target")) == 12


def test_columns_are_read_next_to_texts_or_without_and_the_audit_counts_their_values(tmp_path: Path) -> None:
    rows = [f"shop{number % 3},{number if number else ''},{number * number}" for number in range(20)]
    features = {"categorical": ["shop"], "numeric": ["size"]}
    reader = RegressionReader()
    source = source_of(tmp_path, rows, "shop,size,target", features=features)
    tables = reader.read(source, tmp_path, tmp_path, "stars")
    counts = {line["check"]: line["count"] for line in reader.audit(tables).to_pylist()}
    assert (counts["values.shop"], counts["missing_values.size"], counts["equal_rows"]) == (3, 1, 0)
    assert reader.requires(source) == {"texts", "columns"}
    with pytest.raises(ValidationError, match="'target' is the target column"):
        source_of(tmp_path, rows, "shop,size,target", features={"numeric": ["size", "target"]})


@pytest.mark.parametrize("split", [None, "part"])
def test_numbers_that_are_all_equal_are_refused(split: str | None, tmp_path: Path) -> None:
    rows = [f"a text of {number},{2 if number % 2 else number},{'test' if number % 2 else 'train'}" for number in range(20)]
    rows = rows if split else [f"a text of {number},2,train" for number in range(20)]
    named = {"split": split} if split else {}
    what = "every text of the part 'test'" if split else "every text"
    with pytest.raises(DataError, match=f"gives {what} the number 2; check which column is the target"):
        RegressionReader().read(source_of(tmp_path, rows, "text,target,part", **named), tmp_path, tmp_path, "stars")


def test_the_audit_counts_numbers_that_contradict_and_that_training_never_saw(tmp_path: Path) -> None:
    texts = [f"word{row} of a text {row}" for row in range(20)]
    columns = {
        "example_id": [f"e{row}" for row in range(21)],
        "text": [*texts, texts[19]],
        "target": [*map(float, range(20)), 3.0],
        "split": ["train"] * 10 + ["test"] * 11,
    }
    from emb_pipeline.tasks.regression.audit import audit_regression

    lines = audit_regression(pa.table(columns)).to_pylist()
    counts = {line["check"]: line["count"] for line in lines}
    assert (counts["targets_out_of_range"], counts["target_conflicts"], counts["token_duplicates"]) == (10, 1, 1)
    assert set(counts) <= {check.name for check in KINDS["regression"].load_checks()} | {"examples.train", "examples.test"}
