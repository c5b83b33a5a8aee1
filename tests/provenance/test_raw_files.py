"""Hashes of raw files are remembered, and every source and option names the files that it reads."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions
from emb_pipeline.embeddings.static.options import StaticFileOptions
from emb_pipeline.experiment.model import CorpusDefinition, TaskDefinition
from emb_pipeline.provenance import raw_files
from emb_pipeline.provenance.raw_files import FileHashes, fingerprint_inputs
from emb_pipeline.readers.formats.delimited import CsvSource
from emb_pipeline.readers.public_data.public_sources import public_sources
from emb_pipeline.readers.word_sets import WordSetSource


def written(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"content of {name}")


TASKS: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "one file": ("classification", {"reader": "csv", "path": "a/x.csv", "label": "l"}, {"a/x.csv"}),
    "a folder": ("classification", {"reader": "csv", "path": "a", "label": "l"}, {"a/x.csv", "a/y.csv", "a/z.txt"}),
    "a glob": ("classification", {"reader": "csv", "path": "a/*.csv", "label": "l"}, {"a/x.csv", "a/y.csv"}),
    "files of a folder": ("classification", {"reader": "csv", "path": "a", "files": "y*", "label": "l"}, {"a/y.csv"}),
    "splits": (
        "classification",
        {"reader": "csv", "path": "a", "label": "l", "splits": {"train": "x.csv", "test": "y.csv"}},
        {"a/x.csv", "a/y.csv"},
    ),
    "class folders": ("classification", {"reader": "class_folders", "path": "c"}, {"c/one/1.txt", "c/two/2.txt"}),
    "labelled lines": ("classification", {"reader": "labeled_lines", "path": "a/z.txt"}, {"a/z.txt"}),
    "tables": (
        "retrieval",
        {"reader": "tables", "queries": "q.csv", "passages": "a/x.csv", "qrels": "a/y.csv"},
        {"q.csv", "a/x.csv", "a/y.csv"},
    ),
    "pairs": ("retrieval", {"reader": "pairs", "path": "q.csv"}, {"q.csv"}),
    "liveqa": (
        "retrieval",
        {"reader": "liveqa", "path": "l"},
        {"l/q.xml", "l/answers.zip"},
    ),
    "interactions": (
        "recommendation",
        {"reader": "interactions", "path": "q.csv", "items": "a/x.csv"},
        {"q.csv", "a/x.csv"},
    ),
    "tagged": ("sequence_labeling", {"reader": "iob", "path": "a/z.txt"}, {"a/z.txt"}),
    "a folder under raw data": (
        "classification",
        {"reader": "csv", "download": "mine", "label": "l"},
        {"raw/mine/m.csv"},
    ),
    "a file that is not there": ("classification", {"reader": "csv", "path": "nowhere.csv", "label": "l"}, set()),
}


@pytest.mark.parametrize("case", TASKS)
def test_a_source_names_the_files_that_it_reads(case: str, tmp_path: Path) -> None:
    kind, source, expected = TASKS[case]
    files = ("a/x.csv", "a/y.csv", "a/z.txt", "q.csv", "c/one/1.txt", "c/two/2.txt", "l/q.xml", "l/answers.zip")
    written(tmp_path, *files, "raw/mine/m.csv")
    task = TaskDefinition.model_validate({"kind": kind, "source": source})
    assert set(fingerprint_inputs(task, tmp_path / "raw", tmp_path, FileHashes())) == expected


def test_a_public_source_is_known_by_its_declared_hashes_and_is_not_fetched(tmp_path: Path) -> None:
    name = next(iter(public_sources()))
    source = CsvSource(download=name, text="t")
    found = fingerprint_inputs(source, tmp_path, tmp_path, FileHashes())
    assert found == {
        f"{name}/{file.path}": file.sha256 for file in sorted(public_sources()[name].files, key=lambda f: f.path)
    }
    assert not list(tmp_path.iterdir())


def test_packages_are_known_by_their_version_and_files_of_packages_by_content(tmp_path: Path) -> None:
    corpus = CorpusDefinition.model_validate({"sources": [{"reader": "docstrings", "packages": ["numpy"]}]})
    assert list(fingerprint_inputs(corpus, tmp_path, tmp_path, FileHashes())) == ["package numpy"]
    words = TypeAdapter(WordSetSource).validate_python({"package": "gensim", "files": "test/test_data/wordsim353.tsv"})
    assert list(fingerprint_inputs(words, tmp_path, tmp_path, FileHashes())) == ["wordsim353.tsv"]


def test_vectors_and_models_of_others_are_known_by_their_files(tmp_path: Path) -> None:
    written(tmp_path, "v.txt", "model/config.json", "model/1_Pooling/config.json", "model/.cache/x")
    vectors = StaticFileOptions(path=tmp_path / "v.txt", format="glove_text")
    model = SentenceTransformerOptions(path=tmp_path / "model")
    found = fingerprint_inputs([vectors, model], tmp_path, tmp_path, FileHashes())
    assert set(found) == {"v.txt", "model/config.json", "model/1_Pooling/config.json"}


def test_a_file_is_hashed_once_until_its_size_or_times_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_files, "_SETTLED_NS", 0)
    file, store = tmp_path / "big", tmp_path / "hashes.json"
    file.write_bytes(b"x" * 1000)
    time.sleep(0.02)
    hashes = FileHashes(store)
    first = hashes.hash_of(file)
    hashes.keep()
    read = []
    digest = raw_files.hashlib.file_digest
    monkeypatch.setattr(raw_files.hashlib, "file_digest", lambda *given: read.append(given) or digest(*given))
    assert FileHashes(store).hash_of(file) == first and not read
    os.utime(file)
    assert FileHashes(store).hash_of(file) == first and len(read) == 1
    file.write_bytes(b"x" * 999 + b"y")
    assert FileHashes(store).hash_of(file) != first
    store.write_text("damaged")
    assert FileHashes(store).hash_of(file) != first


def test_a_file_that_has_just_been_written_is_not_trusted_by_its_time(tmp_path: Path) -> None:
    file, store = tmp_path / "new", tmp_path / "hashes.json"
    file.write_text("one")
    hashes = FileHashes(store)
    hashes.hash_of(file)
    hashes.keep()
    assert not store.exists()
