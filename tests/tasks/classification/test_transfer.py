"""Two sources as one task: the first trains, the second tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.reader import ClassificationReader
from emb_pipeline.tasks.splits.training_parts import have_same_training_part

WORDS = "sand tide gull wave moss bark owl fern pebble current".split()


def write_rows(folder: Path, name: str, labels: list[str], begin: str, groups: int = 10) -> dict[str, Any]:
    rows = [
        f"{begin} {word} {n},{label},author {n % groups}" for n, (word, label) in enumerate(zip(WORDS, labels, strict=True))
    ]
    (folder / f"{name}.csv").write_text("text,label,author\n" + "\n".join(rows) + "\n")
    return {"reader": "csv", "path": f"{name}.csv", "label": "label"}


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Any]:
    train = write_rows(tmp_path, "films", ["good", "bad"] * 5, "a film of")
    test = write_rows(tmp_path, "shops", ["5", "1"] * 5, "we sell some")
    return {"reader": "transfer", "train": train, "test": test, "test_labels": {"5": "good", "1": "bad"}}


def read(source: dict[str, Any], folder: Path) -> dict[str, pa.Table]:
    reader = ClassificationReader()
    return reader.read(TypeAdapter[Any](reader.source_type).validate_python(source), folder, folder, "task")


def test_the_first_source_trains_and_the_second_tests(two: dict[str, Any], tmp_path: Path) -> None:
    examples = read(two, tmp_path)["examples"].to_pandas()
    assert examples.groupby("split")["label"].agg(["size", "nunique"]).to_dict("index") == {
        "train": {"size": 10, "nunique": 2},
        "test": {"size": 10, "nunique": 2},
    }
    assert set(examples.loc[examples["split"] == "test", "label"]) == {"good", "bad"}
    assert examples["text"].str.startswith("a film of").tolist() == (examples["split"] == "train").tolist()


def test_of_sources_with_a_split_each_gives_its_own_part(two: dict[str, Any], tmp_path: Path) -> None:
    for name in ("films", "shops"):
        lines = (tmp_path / f"{name}.csv").read_text().splitlines()
        parts = ["part", *["train"] * 4, *["validation"] * 2, *["test"] * 4]
        (tmp_path / f"{name}.csv").write_text("\n".join(f"{a},{b}" for a, b in zip(lines, parts, strict=True)))
        two["train" if name == "films" else "test"]["split"] = "part"
    examples = read(two, tmp_path)["examples"].to_pandas()
    assert examples["split"].value_counts().to_dict() == {"train": 4, "validation": 2, "test": 4}
    assert not examples.loc[examples["split"] == "test", "text"].str.startswith("a film").any()


def test_equal_ids_and_groups_of_two_sources_are_not_the_same(two: dict[str, Any], tmp_path: Path) -> None:
    for name, part in (("films", "train"), ("shops", "test")):
        labels = ["good", "bad"] * 5 if name == "films" else ["5", "1"] * 5
        write_rows(tmp_path, name, labels, "a film of" if name == "films" else "we sell some", groups=3)
        two[part]["group"] = "author"
    examples = read(two, tmp_path)["examples"].to_pandas()
    assert examples["example_id"].is_unique
    assert examples.groupby("split")["group"].nunique().tolist() == [3, 3] and examples["group"].nunique() == 6


def test_groups_of_one_source_alone_leave_each_text_of_the_other_for_itself(two: dict[str, Any], tmp_path: Path) -> None:
    write_rows(tmp_path, "films", ["good", "bad"] * 5, "a film of", groups=3)
    two["train"]["group"] = "author"
    examples = read(two, tmp_path)["examples"].to_pandas()
    assert examples.groupby("split")["group"].nunique().to_dict() == {"train": 3, "test": 10}


def test_a_class_of_one_part_alone_is_refused_and_the_remedy_works(two: dict[str, Any], tmp_path: Path) -> None:
    two["test"] = write_rows(tmp_path, "shops", ["5", "1", "3", "5", "1"] * 2, "we sell some")
    with pytest.raises(DataError, match="'test' has '3'") as refused:
        read(two, tmp_path)
    assert "other_labels: leave_out" in refused.value.remedy
    tables = read({**two, "other_labels": "leave_out"}, tmp_path)
    assert tables["examples"].num_rows == 18
    lines = ClassificationReader().audit(tables).to_pandas().set_index("check")
    assert lines.loc["left_out_classes", "count"] == 2


def test_sources_without_common_classes_are_refused_with_the_classes_of_each(two: dict[str, Any], tmp_path: Path) -> None:
    del two["test_labels"]
    with pytest.raises(DataError, match="'bad', 'good' alone, test '1', '5'"):
        read(two, tmp_path)


def test_a_label_that_no_text_has_is_refused_with_the_nearest(two: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'goood'") as refused:
        read({**two, "train_labels": {"goood": "good"}}, tmp_path)
    assert "'good'" in refused.value.remedy


def test_copies_across_the_sources_are_in_the_audit_or_left_out(two: dict[str, Any], tmp_path: Path) -> None:
    with (tmp_path / "shops.csv").open("a") as file:
        file.write("A film of SAND 0!,5,x\n")
    kept = ClassificationReader().audit(read(two, tmp_path)).to_pandas().set_index("check")
    assert kept.loc["leakage", "count"] == 1 and "left_out_seen" not in kept.index
    tables = read({**two, "seen": "leave_out"}, tmp_path)
    left = ClassificationReader().audit(tables).to_pandas().set_index("check")
    assert left.loc["leakage", "count"] == 0 and left.loc["left_out_seen", "count"] == 1
    assert tables["examples"].num_rows == 20


def test_a_test_part_that_was_all_seen_is_refused(two: dict[str, Any], tmp_path: Path) -> None:
    same = {"reader": "transfer", "train": two["train"], "test": two["train"], "seen": "leave_out"}
    with pytest.raises(DataError, match="every test text"):
        read(same, tmp_path)


def test_rows_that_one_source_leaves_out_are_counted_and_its_own_labels_checked(two: dict[str, Any], tmp_path: Path) -> None:
    with (tmp_path / "shops.csv").open("a") as file:
        file.write(",5,x\nfine,9,x\n")
    two["test"] |= {"empty": "leave_out", "labels": ["1", "5"]}
    with pytest.raises(DataError, match="'9' is not among"):
        read(two, tmp_path)
    two["test"]["on_error"] = "skip"
    lines = ClassificationReader().audit(read(two, tmp_path)).to_pandas().set_index("check")
    assert lines.loc["left_out_empty", "count"] == 1 and lines.loc["left_out_errors", "count"] == 1


def test_a_source_without_the_part_that_is_read_is_refused(two: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no test part"):
        read({**two, "test": {**two["test"], "path": ".", "splits": {"train": "shops.csv"}}}, tmp_path)


def test_two_tokenizers_are_refused(two: dict[str, Any]) -> None:
    two["test"]["tokenizer"] = "whitespace"
    with pytest.raises(ValidationError, match="tokenizer"):
        TypeAdapter[Any](ClassificationReader.source_type).validate_python(two)


def test_columns_of_a_source_are_refused_and_not_left_out_in_silence(two: dict[str, Any]) -> None:
    two["test"]["features"] = {"categorical": ["author"]}
    with pytest.raises(ValidationError, match="leave 'features' out"):
        TypeAdapter[Any](ClassificationReader.source_type).validate_python(two)


@pytest.mark.parametrize("reader", ["labeled_lines", "fasttext"])
def test_ranges_of_the_lines_of_one_file_are_parts_of_it(reader: str, tmp_path: Path) -> None:
    prefix = "__label__" if reader == "fasttext" else ""
    lines = [
        f"{prefix}{label} {word} number {number}"
        for number, (word, label) in enumerate(zip(WORDS * 20, "ab" * 100, strict=True))
    ]
    (tmp_path / "a.txt").write_text("\n".join(lines) + "\n")
    whole = {"reader": reader, "path": "a.txt"}
    source = {
        "reader": "transfer",
        "train": {**whole, "sample": {"high": 0.7}},
        "test": {**whole, "sample": {"low": 0.7}},
    }
    examples = read(source, tmp_path)["examples"].to_pandas()
    assert len(examples) == 200 and examples["text"].is_unique
    assert 120 <= (examples["split"] == "train").sum() <= 160
    with pytest.raises(ValidationError, match="lines have no columns"):
        TypeAdapter[Any](ClassificationReader.source_type).validate_python({**whole, "sample": {"by": "x"}})


def test_two_tasks_learn_from_the_same_texts_in_whatever_order_these_are(two: dict[str, Any], tmp_path: Path) -> None:
    lines = (tmp_path / "films.csv").read_text().splitlines()
    parts = ["part", *["test"] * 4, *["train"] * 6]
    (tmp_path / "films.csv").write_text("\n".join(f"{a},{b}" for a, b in zip(lines, parts, strict=True)))
    films = {**two["train"], "split": "part"}
    within = read(films, tmp_path)
    across = read({**two, "train": films}, tmp_path)
    assert have_same_training_part(within, across)
    assert not have_same_training_part(
        within,
        read(two | {"train": two["test"], "test": films, "train_labels": two["test_labels"], "test_labels": {}}, tmp_path),
    )
    (tmp_path / "films.csv").write_text((tmp_path / "films.csv").read_text().replace("wave", "crest").replace("owl", "bat"))
    assert not have_same_training_part(within, read({**two, "train": films}, tmp_path))
