"""Labeled pairs from files: read as YAML says, refused with file, row and reason; each remedy works."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.pair_classification.display import describe_labeled_pairs
from emb_pipeline.tasks.pair_classification.reader import PairClassificationReader, PairSource

SOURCE: TypeAdapter[PairSource] = TypeAdapter(PairSource)
ROWS = [f"a text {number},another {number},{number % 2}" for number in range(12)]
READER = PairClassificationReader()


def source_of(folder: Path, rows: list[str], header: str = "text_a,text_b,label", **source: object) -> PairSource:
    (folder / "pairs.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return SOURCE.validate_python({"reader": "csv", "path": "pairs.csv", **source})


def read(folder: Path, rows: list[str], header: str = "text_a,text_b,label", **source: object) -> dict[str, pa.Table]:
    return READER.read(source_of(folder, rows, header, **source), folder, folder, "same")


def test_pairs_are_read_with_labels_splits_ids_and_groups(tmp_path: Path) -> None:
    rows = [f"q{n},one {n},other {n},{'yes' if n % 2 else 'no'},{'test' if n % 3 else 'train'},g{n}" for n in range(12)]
    columns = {"text_a": "one", "text_b": "other", "label": "same", "split": "part", "id": "id", "group": "user"}
    found = read(tmp_path, rows, "id,one,other,same,part,user", positive="yes", **columns)["pairs"].to_pylist()
    assert (found[3]["text_a"], found[3]["text_b"], found[3]["is_positive"]) == ("one 3", "other 3", True)
    assert (found[3]["pair_id"], found[3]["split"], found[3]["group"]) == ("q3", "train", "g3")
    assert sum(row["is_positive"] for row in found) == 6


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS, "x,y,2"], "row 14: label '2' is a third one, after '1' and '0'"),
        ([*ROWS, "x,,1"], "row 14: text_b is empty"),
        ([*ROWS, "x,y,"], "row 14: label is empty"),
        (ROWS[:9], "has 9 labeled pairs; give at least 10"),
        ([row[:-1] + "no" for row in ROWS], "no pair has the label '1'; name the label .*positive: "),
        ([row[:-1] + "1" for row in ROWS], "the task has positive pairs alone"),
    ],
)
def test_bad_rows_are_refused_with_file_row_and_reason(rows: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, rows)


def test_the_remedies_work_and_the_audit_counts_what_is_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, [*ROWS, "x,y,", "x,,1"], empty="leave_out")["pairs"].num_rows == 12
    lines = READER.audit(read(tmp_path, [*ROWS, "x,y,2"], on_error="skip")).to_pylist()
    assert {line["check"]: line["count"] for line in lines}["left_out_errors"] == 1
    assert (
        read(tmp_path, [row[:-1] + ("yes" if row[-1] == "1" else "no") for row in ROWS], positive="yes")["pairs"].num_rows
        == 12
    )


def test_what_is_for_single_texts_is_refused(tmp_path: Path) -> None:
    for name, value in (("text", "text_a"), ("min_examples", 3), ("labels", ["0", "1"])):
        with pytest.raises(ValidationError, match=f"'{name}' is for single texts with a label: leave it out"):
            read(tmp_path, ROWS, **{name: value})


def test_the_audit_counts_what_is_in_both_parts_and_labels_that_contradict(tmp_path: Path) -> None:
    rows = [*[f"{row},train" for row in ROWS], "a text 3,another 3,0,test", "a text 4,new,1,test", "one,two,0,test"]
    tables = read(tmp_path, rows, "text_a,text_b,label,part", split="part")
    counts = {line["check"]: (line["count"], line["total"]) for line in READER.audit(tables).to_pylist()}
    assert counts["pairs_in_both_parts"] == (1, 3) and counts["texts_in_both_parts"] == (2, 3)
    assert counts["label_conflicts"][0] == 1 and counts["positive_pairs"] == (1, 3)
    assert READER.list_held_out(tables) == ["a text 3", "another 3", "a text 4", "new", "one", "two"]
    shown = describe_labeled_pairs(tables, ["pairs.csv:14"])
    assert (shown.texts, shown.answers) == (["a text 3 ↔ another 3"], ["negative"])
