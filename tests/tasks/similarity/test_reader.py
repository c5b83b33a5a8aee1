"""Scored pairs from files: read as YAML says, refused with file, row and reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.similarity.reader import SimilaritySource, read_similarity

SOURCE: TypeAdapter[SimilaritySource] = TypeAdapter(SimilaritySource)
ROWS = [f"a text,another {number},{number / 2}" for number in range(12)]


def read(folder: Path, rows: list[str], header: str | None = "text_a,text_b,score", **source: object) -> list[dict]:
    name = "pairs.csv" if source.get("reader", "csv") == "csv" else "pairs.tsv"
    (folder / name).write_text("\n".join([*([header] if header else []), *rows]) + "\n", encoding="utf-8")
    values = SOURCE.validate_python({"reader": "csv", "path": name, **source})
    return read_similarity(values, folder, folder).to_pylist()


def test_pairs_are_read_with_their_scores(tmp_path: Path) -> None:
    rows = read(tmp_path, ROWS)
    assert len(rows) == 12
    assert (rows[3]["text_a"], rows[3]["text_b"], rows[3]["score"]) == ("a text", "another 3", 1.5)


def test_columns_can_be_named_for_files_without_a_header(tmp_path: Path) -> None:
    rows = [f"{number}\tfirst {number}\tsecond" for number in range(10)]
    found = read(tmp_path, rows, None, reader="tsv", path="pairs.tsv", columns=["score", "text_a", "text_b"])
    assert (found[4]["score"], found[4]["text_a"]) == (4.0, "first 4")


def test_rows_without_a_score_are_left_out_on_request_only(tmp_path: Path) -> None:
    assert len(read(tmp_path, [*ROWS, "x,y,"], unscored="leave_out")) == 12
    with pytest.raises(DataError, match=r"pairs.csv, row 14: score '' is no number.*unscored: leave_out"):
        read(tmp_path, [*ROWS, "x,y,"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS, "x,y,high"], "row 14: score 'high' is no number"),
        ([*ROWS, "x,y,nan"], "row 14: score '' is no number"),
        ([*ROWS, "x,y,inf"], "row 14: score 'inf' is no number"),
        ([*ROWS, "x,,1"], "row 14: text_b is empty"),
        (ROWS[:9], "has 9 scored pairs; give at least 10"),
        ([f"x {number},y,2" for number in range(10)], "gives every pair the score 2"),
    ],
)
def test_bad_rows_are_refused_with_file_row_and_reason(rows: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, rows)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="similarity"):
        read(tmp_path, ROWS, score="similarity")


@pytest.mark.parametrize("option", [{"label": "score"}, {"split": "part"}, {"sample": {"high": 0.5}}, {"min_examples": 5}])
def test_an_option_of_labeled_texts_is_refused(option: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=f"'{next(iter(option))}' is for texts with a label"):
        read(tmp_path, ROWS, **option)
    assert len(read(tmp_path, ROWS, split=False)) == 12
