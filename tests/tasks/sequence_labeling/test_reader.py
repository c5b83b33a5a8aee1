"""Tagged sentences from files: what is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.sequence_labeling.audit import audit_sequence_labeling
from emb_pipeline.tasks.sequence_labeling.reader import SequenceLabelingSource, read_sequence_labeling

TRAIN = "Aspirin\tB-Drug\nhelps\tO\n\n-DOCSTART-\n\nno\tO\npain\tI-Pain\n\t\n"
TEST = "aspirin\tB-Drug\n"


def read(folder: Path, **source: object) -> pa.Table:
    return read_sequence_labeling(TypeAdapter(SequenceLabelingSource).validate_python(source), folder, folder)


def iob(folder: Path, train: str = TRAIN, test: str = TEST, **options: object) -> pa.Table:
    (folder / "train.tsv").write_text(train)
    (folder / "test.tsv").write_text(test)
    return read(folder, **{"reader": "iob", "path": ".", "splits": {"train": "train.tsv", "test": "test.tsv"}, **options})


def test_sentences_of_an_iob_file(tmp_path: Path) -> None:
    table = iob(tmp_path)
    assert table["tokens"].to_pylist() == [["Aspirin", "helps"], ["no", "pain"], ["aspirin"]]
    assert table["tags"].to_pylist() == [["B-Drug", "O"], ["O", "I-Pain"], ["B-Drug"]]
    assert table["split"].to_pylist() == ["train", "train", "test"]
    assert table["text"].to_pylist()[0] == "Aspirin helps"


def test_columns_of_a_conll_file_are_chosen(tmp_path: Path) -> None:
    lines = "Aspirin NNP B-NP B-Drug\nhelps VBZ B-VP O\n"
    table = iob(tmp_path, lines, lines, separator="white_space")
    assert table["tags"].to_pylist()[0] == ["B-Drug", "O"]
    phrases = iob(tmp_path, lines, lines, separator="white_space", tag=2)
    assert phrases["tags"].to_pylist()[0] == ["B-NP", "B-VP"]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("Aspirin\tB-Drug\nhelps\n", "train.tsv, row 2: it is not a token, a tab and a tag"),
        ("Aspirin\tDrug\n", "train.tsv, row 1: tag 'Drug' is not O, B-… or I-…"),
        ("Aspirin\tO\n", "no token of the training part is in an entity"),
        ("\n", "the split 'train' has no sentence"),
    ],
)
def test_a_broken_iob_file_is_refused(tmp_path: Path, train: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        iob(tmp_path, train)


def test_sentences_with_a_token_without_a_tag_are_left_out_on_request_only(tmp_path: Path) -> None:
    train = f"{TRAIN}\nheart\tO\nattack\t\n"
    with pytest.raises(DataError, match="it is not a token, a tab and a tag"):
        iob(tmp_path, train)
    assert iob(tmp_path, train, empty="leave_out").num_rows == iob(tmp_path).num_rows
    with pytest.raises(DataError, match="it is not a token, a tab and a tag"):  # broken is not empty
        iob(tmp_path, f"{TRAIN}\nheart\tO\nattack\n", empty="leave_out")


def test_a_task_without_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split is named"):
        iob(tmp_path, splits=None)


def _rows(folder: Path, *rows: dict[str, object]) -> pa.Table:
    (folder / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read(folder, reader="jsonl", path="x.jsonl", split="part")


GOOD = {"tokens": ["Aspirin", "helps"], "tags": ["B-Drug", "O"], "part": "train"}


def test_lists_of_json_objects_and_of_parquet_files_are_read(tmp_path: Path) -> None:
    table = _rows(tmp_path, GOOD, {**GOOD, "part": "dev"}, {**GOOD, "part": "test"})
    assert table["split"].to_pylist() == ["train", "validation", "test"]
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([GOOD, {**GOOD, "part": "test"}]), tmp_path / "x.parquet")
    again = read(tmp_path, reader="parquet", path="x.parquet", split="part")
    assert again["tokens"].to_pylist() == [GOOD["tokens"]] * 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tags": ["B-Drug"]}, "x.jsonl, row 2: there are 2 tokens and 1 tags"),
        ({"tokens": "Aspirin helps"}, "tokens is not a list of words"),
        ({"tags": ["B-Drug", "no"]}, "tag 'no' is not O"),
        ({"part": "later"}, "split 'later' is not among"),
    ],
)
def test_a_broken_row_is_refused(tmp_path: Path, row: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        _rows(tmp_path, GOOD, {**GOOD, **row}, {**GOOD, "part": "test"})


def test_the_audit_counts_by_hand(tmp_path: Path) -> None:
    audit = audit_sequence_labeling(iob(tmp_path, test=TEST + "\nno\tO\npain\tB-Pain\n\nflu\tB-Pain\n"))
    counts = dict(zip(audit["check"].to_pylist(), audit["count"].to_pylist(), strict=True))
    assert counts["entities.Drug"] == 2 and counts["entities.Pain"] == 3
    assert counts["repaired_tags"] == 1  # I-Pain opens an entity
    assert (counts["duplicates"], counts["leakage"], counts["tag_conflicts"]) == (1, 1, 0)
    assert counts["seen_entities"] == 2  # aspirin and pain, not flu
