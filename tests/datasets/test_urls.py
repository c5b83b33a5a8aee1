"""Every class of the catalog takes a URL of an object store; what can only be a file refuses one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import pytest
import yaml
from kedro.io import Version

from emb_pipeline.datasets.tables import TableDataset, TablePartDataset, TablesDataset
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.static.word_vectors import Subwords, WordVectors
from emb_pipeline.errors import DataError
from emb_pipeline.storage import object_store
from emb_pipeline.storage.copy_space import CACHE
from emb_pipeline.storage.failures import Failed
from emb_pipeline.storage.local_paths import is_url
from emb_pipeline.storage.table_parts import TableParts
from emb_pipeline.text.tokens import write_tokens
from tests.conftest import PROJECT
from tests.object_server import ObjectServer

OWN = "emb_pipeline.datasets"
FILE = f"{OWN}.milvus.MilvusVectorStoreDataset"
TABLE = pa.table({"unit_id": ["a", "b"], "value": [1.0, 0.5]})
OUTAGE = "http://127.0.0.1:9"
"""An MLflow store that is down: records are kept without it."""


def list_entries() -> dict[str, dict[str, Any]]:
    """One entry of the catalog for each class that writes files."""
    found = {}
    for file in sorted((PROJECT / "conf/base").rglob("catalog.yml")):
        for entry in yaml.safe_load(file.read_text(encoding="utf-8")).values():
            if isinstance(entry, dict) and "filepath" in entry:
                found[str(entry["type"])] = entry
    return found


ENTRIES = list_entries()


def make_dataset(name: str, url: str) -> Any:
    module, _, kind = name.rpartition(".")
    left_out = ("type", "versioned", "filepath", "uri", "credentials", "latest", "tracking_uri")
    given = {key: value for key, value in ENTRIES[name].items() if key not in left_out}
    if "latest" in ENTRIES[name]:
        given["latest"] = f"{url}.latest"
    if "tracking_uri" in ENTRIES[name]:
        given["tracking_uri"] = OUTAGE
    if ENTRIES[name].get("versioned"):
        given["version"] = Version(None, None)
    return getattr(import_module(module), kind)(filepath=url, **given)


def make_vectors() -> WordVectors:
    subwords = Subwords(3, 4, 10, np.array([1, 4], dtype=np.int32), np.ones((2, 2), dtype=np.float32))
    return WordVectors(["sand", "moss"], np.array([2, 1]), np.eye(2, dtype=np.float32), {"seconds": 1}, subwords)


def read_corpus(corpus: Any) -> Any:
    return list(corpus), corpus.read_vocabulary(), corpus.open_ids().n_tokens


VALUES: dict[str, tuple[Callable[[Path], Any], Callable[[Any], Any]]] = {
    "tables.TableDataset": (lambda _: TABLE, lambda table: table),
    "tables.TablePartDataset": (lambda _: TABLE, lambda parts: parts.read() if isinstance(parts, TableParts) else parts),
    "tables.TablesDataset": (lambda _: {"one": TABLE, "two": TABLE}, lambda tables: tables),
    "tables.CsvDataset": (lambda _: TABLE.to_pandas(), lambda frame: frame.to_dict("list")),
    "tracking.TrackedTablesDataset": (
        lambda _: {"cells": TABLE.slice(0, 0)},
        lambda tables: tables["cells"].to_pylist(),
    ),
    "tracking.TrackedRunDataset": (lambda _: {"metrics": {"f1": 0.5}}, lambda record: record["metrics"]),
    "vectors.WordVectorsDataset": (
        lambda _: make_vectors(),
        lambda made: (list(made.tokens), made.vectors.tolist(), made.subwords.vectors.tolist(), dict(made.provenance)),
    ),
    "text.DocumentsDataset": (lambda _: [("1", "one"), ("2", "two")], list),
    "text.TokenCorpusDataset": (
        lambda folder: write_tokens([("1", "one two. two three."), ("2", "two")], folder / "scratch"),
        read_corpus,
    ),
    "figures.FigureDataset": (lambda _: go.Figure(go.Bar(x=["a"], y=[1])), lambda figure: figure.to_dict()["data"]),
    "page.PageDataset": (lambda _: "<html></html>", str),
}


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_class_of_the_catalog_takes_a_url(name: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make, read = VALUES[name]
    url, name = f"{bucket}/results/it", f"{OWN}.{name}"
    assert not make_dataset(name, url).exists()
    value = make(tmp_path)
    expected = read(value)
    make_dataset(name, url).save(value)
    monkeypatch.setenv(CACHE, str(tmp_path / "other machine"))
    object_store._known.clear()
    dataset = make_dataset(name, url)
    assert dataset.exists()
    assert read(dataset.load()) == expected
    assert {path.name for path in tmp_path.iterdir()} <= {"copies", "other machine"}


def test_every_class_of_the_catalog_is_tried() -> None:
    others = {FILE, f"{OWN}.encoders.EncoderDataset", f"{OWN}.bundles.BundlesDataset"}
    assert set(ENTRIES) == {f"{OWN}.{name}" for name in VALUES} | others


def test_an_encoder_takes_a_url(
    bucket: str, tmp_path: Path, tiny_transformer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{OWN}.encoders.EncoderDataset"
    installed = tmp_path / "installed"
    shutil.copytree(tiny_transformer, installed)
    there = EncoderFolder.write(tmp_path / "there", format="transformers", dim=16, vocabulary=16, model=installed)
    own = there.copy_to(tmp_path / "own")
    for made in (there, own):
        make_dataset(name, f"{bucket}/{made.path.name}").save(made)
    shutil.rmtree(installed)
    monkeypatch.setenv(CACHE, str(tmp_path / "other machine"))
    for made in (there, own):
        loaded = make_dataset(name, f"{bucket}/{made.path.name}").load()
        assert loaded.fingerprint == made.fingerprint and loaded.model_path.is_relative_to(tmp_path / "other machine")
        assert not made.path.exists()


@pytest.mark.slow
def test_bundles_take_a_url(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from emb_pipeline.deployment.bundle import Bundle
    from emb_pipeline.embeddings.linear_head import LinearHead
    from emb_pipeline.embeddings.static.pooling import PooledEncoder
    from emb_pipeline.tasks.classification.export import TextClassifier

    name = f"{OWN}.bundles.BundlesDataset"
    model = TextClassifier(PooledEncoder(make_vectors(), "mean"), LinearHead(np.eye(2), np.zeros(2)), ["shore", "wood"])
    make_dataset(name, f"{bucket}/deployment").save({"places": Bundle(model, {"task": "places"}, "# Places\n")})
    monkeypatch.setenv(CACHE, str(tmp_path / "other machine"))
    loaded = make_dataset(name, f"{bucket}/deployment").load()
    answers = loaded["places"].model.answer(pd.DataFrame({"text": ["moss"]}))
    assert loaded["places"].card == "# Places\n" and answers["label"].tolist() == ["wood"]


def test_every_version_of_a_table_is_kept_and_the_newest_is_loaded(bucket: str, object_server: ObjectServer) -> None:
    versions = ("2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z")
    for number, version in enumerate(versions):
        TableDataset(filepath=f"{bucket}/t.parquet", version=Version(None, version)).save(TABLE.slice(number))
    newest = TableDataset(filepath=f"{bucket}/t.parquet", version=Version(None, None))
    assert newest.exists() and newest.load().num_rows == 1 and newest.resolve_load_version() == versions[1]
    assert TableDataset(filepath=f"{bucket}/t.parquet", version=Version(versions[0], None)).load().num_rows == 2
    kept = object_server.read_all(bucket.removeprefix("s3://"))
    assert {f"t.parquet/{version}/t.parquet" for version in versions} <= set(kept)
    newest.save(Failed("t", "why"))
    assert not newest.exists() and newest.failure() == Failed("t", "why")
    newest.release()
    newest.save(TABLE)
    assert newest.exists() and newest.load().num_rows == 2 and newest.failure() is None


def test_references_to_files_of_other_results_hold_on_another_machine(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = TablePartDataset(filepath=f"{bucket}/origin/cell/scores.parquet")
    scores.save(TABLE)
    card = TablesDataset(filepath=f"{bucket}/origin/card")
    card.save({"scores": scores.load()})
    monkeypatch.setenv(CACHE, str(tmp_path / "other machine"))
    object_store._known.clear()
    parts = card.load()["scores"]
    assert not list((tmp_path / "other machine").rglob("scores.parquet")), "who gathers tables needs no rows"
    assert parts.read().equals(TABLE)


@pytest.mark.parametrize("url", ["s3://bucket/key", "gs://bucket/key", "memory://key", "file:///tmp/key", "s3:/bucket/key"])
def test_a_database_of_milvus_refuses_a_url(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="is a URL, and this is a file of this machine alone") as refused:
        make_dataset(FILE, url)
    assert refused.value.place == url and "mount" in refused.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(set(ENTRIES) - {FILE}))
@pytest.mark.parametrize("url", ["file:///tmp/key", "https://example.org/key", "ftp:/host/key"])
def test_a_url_of_no_object_store_is_refused(name: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="is a URL of no object store"):
        make_dataset(name, url)
    assert list(tmp_path.iterdir()) == []


def test_drives_and_relative_places_are_no_urls() -> None:
    assert not any(map(is_url, ("data/x", "/data/x", "C:/data", "./s3/x", "a:b")))
