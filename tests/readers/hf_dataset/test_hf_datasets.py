"""Data sets of Hugging Face: as saved, as copied from the hub, and as named on the hub, with the names of their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.provenance.raw_files import FileHashes, fingerprint_inputs
from emb_pipeline.readers.files.named_files import first_rows
from emb_pipeline.readers.hf_dataset.source import HfDatasetSource
from emb_pipeline.tasks.registry import KINDS

datasets = pytest.importorskip("datasets")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of one data set in each layout."""
    folder = tmp_path_factory.mktemp("hf")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])})

    def make(size: int, word: str) -> Any:
        rows = {"text": [f"{word} number {row}" for row in range(size)], "label": [row % 2 for row in range(size)]}
        return datasets.Dataset.from_dict(rows, features=features)

    whole = datasets.DatasetDict(train=make(20, "training"), dev=make(10, "tuning"), test=make(12, "testing"))
    whole.save_to_disk(folder / "saved")
    whole["test"].save_to_disk(folder / "one")
    for name, split in whole.items():
        split.to_parquet(folder / "hub" / "data" / f"{name}-00000-of-00001.parquet")
        for config in ("short", "long"):
            split.to_json(folder / "configs" / config / f"{name}.jsonl")
    (folder / "configs" / "README.md").write_text(
        "---\nconfigs:\n- config_name: short\n  data_dir: short\n- config_name: long\n  data_dir: long\n---\n"
    )
    (folder / "script").mkdir()
    (folder / "script" / "script.py").write_text("raise SystemExit('it ran')\n")
    return folder


def read(source: dict[str, Any], project: Path, kind: str = "classification") -> dict[str, Any]:
    reader = KINDS[kind].create_reader()
    checked = TypeAdapter[Any](reader.source_type).validate_python({"reader": "hf_dataset", **source})
    return dict(reader.read(checked, project / "raw", project, "task"))


def refuse(source: dict[str, Any], project: Path) -> DataError:
    with pytest.raises(DataError) as refused:
        read({"label": "label", **source}, project)
    return refused.value


@pytest.mark.parametrize("path", ["saved", "hub"])
def test_the_splits_of_a_copy_are_those_of_the_task(path: str, project: Path) -> None:
    splits = {"train": "train", "validation": "dev", "test": "test"}
    found = read({"path": path, "splits": splits, "label": "label"}, project)["examples"]
    assert [found["split"].to_pylist().count(name) for name in ("train", "validation", "test")] == [20, 10, 12]
    assert found["label"].to_pylist()[:2] == ["bad", "good"] and found["text"].to_pylist()[-1] == "testing number 11"
    assert found["example_id"].to_pylist()[0] == f"{path}/train:1"


def test_one_split_can_be_read_alone(project: Path) -> None:
    found = read({"path": "saved", "split": "test", "label": "label"}, project)["examples"]
    assert found.num_rows == 12 and set(found["split"].to_pylist()) == {None}
    assert read({"path": "one", "label": "label"}, project)["examples"].num_rows == 12


def test_an_unnamed_split_a_wrong_one_and_a_configuration_are_refused(project: Path) -> None:
    assert "say 'splits: {train: train, test: test}'" in refuse({"path": "saved"}, project).remedy
    assert refuse({"path": "saved", "split": "tets"}, project).remedy == "did you mean 'test'?"
    assert "long" in refuse({"path": "configs", "split": "train", "config": "longer"}, project).reason
    assert (
        read({"path": "configs", "split": "train", "config": "short", "label": "label"}, project)["examples"].num_rows == 20
    )
    assert "no configurations" in refuse({"path": "saved", "split": "test", "config": "short"}, project).reason
    assert "no such folder" in refuse({"path": "nowhere"}, project).reason


def test_the_code_of_a_data_set_is_never_run(project: Path) -> None:
    error = refuse({"path": "script"}, project)
    assert "script" in error.reason and "never run" in error.remedy


def test_a_name_needs_a_commit(project: Path) -> None:
    for source, reason in (
        ({"name": "owner/name"}, "needs a 'revision'"),
        ({"name": "owner/name", "revision": "main"}, "must be a commit"),
        ({"path": "saved", "revision": COMMIT}, "'revision' is for 'name'"),
        ({"path": "saved", "name": "owner/name"}, "exactly one of 'path'"),
        ({"path": "saved", "files": "*.arrow"}, "'files' is for files"),
        ({"download": "reviews"}, "exactly one of 'path'"),
    ):
        with pytest.raises(ValidationError, match=reason):
            HfDatasetSource(**source)


def test_the_hub_is_asked_for_a_commit_and_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(name: str, config: str | None, **options: Any) -> Any:
        asked.append((name, config, options))
        return datasets.load_from_disk(str(project / "saved"))

    source = {"name": "owner/reviews", "revision": COMMIT, "config": "short", "split": "test", "label": "label"}
    reader = KINDS["classification"].create_reader()
    checked = TypeAdapter[Any](reader.source_type).validate_python({"reader": "hf_dataset", **source})
    with first_rows(5):
        reader.check_first_rows(checked, project / "raw", project)  # nothing is fetched ahead
    monkeypatch.setattr(datasets, "load_dataset", load)
    for _ in range(2):
        assert read(source, project)["examples"].num_rows == 12
    assert asked == [("owner/reviews", "short", {"revision": COMMIT})]


def test_a_hub_that_is_not_reached_is_named_with_the_way_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ConnectionError("cannot reach https://user:word@hub/owner/name")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    error = refuse({"name": "owner/name", "revision": COMMIT}, project)
    assert "say 'path: …'" in error.remedy and "https://***@hub" in error.reason


def test_a_changed_copy_is_another_input(project: Path, tmp_path: Path) -> None:
    rows = {"text": ["a", "b"], "label": [0, 1]}
    source = HfDatasetSource(path="copy", label="label")
    found = []
    for word in ("one", "another"):
        datasets.Dataset.from_dict({**rows, "text": [f"{word} {row}" for row in rows["text"]]}).save_to_disk(
            tmp_path / "copy"
        )
        found.append(fingerprint_inputs(source, tmp_path / "raw", tmp_path, FileHashes()))
    assert found[0] != found[1] and set(found[0]) == set(found[1])
