"""A result's place that is a URL is refused: as a path it would be a new folder ``s3:``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from emb_pipeline.errors import DataError
from emb_pipeline.storage.local_paths import is_url
from tests.conftest import PROJECT, run_kedro

OWN = "emb_pipeline.datasets"


def list_entries() -> dict[str, dict[str, Any]]:
    """One entry of the catalog for each class of ours that writes files."""
    found = {}
    for file in sorted((PROJECT / "conf/base").rglob("catalog.yml")):
        for entry in yaml.safe_load(file.read_text(encoding="utf-8")).values():
            if isinstance(entry, dict) and str(entry.get("type")).startswith(OWN) and "filepath" in entry:
                found[entry["type"]] = entry
    return found


ENTRIES = list_entries()


def test_every_class_of_the_catalog_is_looked_at() -> None:
    assert len(ENTRIES) >= 11


@pytest.mark.parametrize("name", sorted(ENTRIES))
@pytest.mark.parametrize("url", ["s3://bucket/key", "gs://bucket/key", "memory://key", "file:///tmp/key", "s3:/bucket/key"])
def test_a_dataset_refuses_a_url(name: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module, _, kind = name.rpartition(".")
    others = {key: value for key, value in ENTRIES[name].items() if key not in ("type", "versioned", "filepath", "uri")}
    with pytest.raises(DataError, match="is a URL, and results are files of this machine") as refused:
        getattr(import_module(module), kind)(filepath=url, **others)
    assert refused.value.place == url and "mount" in refused.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_drives_and_relative_places_are_no_urls() -> None:
    assert not any(map(is_url, ("data/x", "/data/x", "C:/data", "./s3/x", "a:b")))


@pytest.mark.slow
def test_a_run_is_refused_before_its_first_node(project: Path) -> None:
    entry = "  type: emb_pipeline.datasets.vectors.WordVectorsDataset\n  filepath: s3://bucket/{origin}/{embedding}.arrow\n"
    (project / "conf/local/catalog.yml").write_text('"{origin}.{embedding}.vectors":\n' + entry)
    done = run_kedro("--env", "tiny", check=False)
    said = done.stdout + done.stderr
    assert done.returncode and "s3://bucket/domain/" in said and "is a URL" in said
    assert "0 of 91 nodes" in said and not [each for each in project.iterdir() if each.name.startswith("s3")]
