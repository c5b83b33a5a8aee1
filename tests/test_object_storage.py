"""A run whose results are in an object store: killed on one machine, continued on another one, the same as a local run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.conftest import run_kedro
from tests.object_server import KEYS, ObjectServer

BUCKET, PREFIX = "results", "team"
TIMES = ("seconds", "_ms_", "peak_rss", "run_id", "costs_unknown")
TIMED = (
    *("request_times.parquet", "searches", "vector_search.parquet", "matrix_operations.parquet", "search.db"),
    *("decision.parquet", "relaxations.parquet", "budget_choices.parquet", "joint_choice.parquet"),
)
"""Columns, and tables of times and of what is chosen by them, that differ from run to run."""


def make_machine(template: Path, folder: Path, server: ObjectServer) -> Path:
    """A folder of its own with the project, the keys of the store, and nothing else."""
    shutil.copytree(template, folder, symlinks=True)
    (folder / "conf/local/credentials.yml").write_text(yaml.safe_dump({"data_root": server.options}))
    (folder / "conf/local/globals.yml").write_text(f"data_root: s3://{BUCKET}/{PREFIX}\n")
    return folder


def list_tables(folder: Path) -> dict[str, Path]:
    """The tables of a run, by their names without the version."""
    found = {}
    for path in sorted(folder.rglob("*.parquet")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not set(TIMED) & {*parts, path.parent.name}:
            found["/".join(part for part in parts if not part.endswith("Z"))] = path
    return found


def read_lasting(path: Path) -> pd.DataFrame:
    """A table without times; rows of one score come in the order of these."""
    table: pa.Table = pq.read_table(path)
    frame = table.select([name for name in table.column_names if not any(word in name for word in TIMES)]).to_pandas()
    if path.name != "leaderboard.parquet":
        return frame
    scores = frame[~frame["metric"].str.contains("_ms_")]
    return scores.sort_values(["task", "embedding", "metric"], ignore_index=True)


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_on_another_machine_and_gives_what_a_local_run_gives(
    project_template: Path,
    sequential: Path,
    object_server: ObjectServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    object_server.make_bucket(BUCKET)
    object_server.requests.clear()
    first, second, third = (make_machine(project_template, tmp_path / name, object_server) for name in ("a", "b", "c"))

    killed: list[str] = []

    def kill(request: str) -> None:
        if not killed and request.startswith("PUT") and "glove_8/topic/item_scores.parquet.entry.json" in request:
            claims = first / f"data/02_intermediate/copies/s3/{BUCKET}/{PREFIX}/06_models/tiny/.runs"
            (holder,) = claims.glob("*.holder")
            os.kill(json.loads(holder.read_text())["pid"], signal.SIGKILL)
            killed.append(request)

    monkeypatch.chdir(first)
    object_server.on_request = kill
    done = run_kedro("--env", "tiny", check=False)
    object_server.on_request = None
    assert killed and done.returncode == -signal.SIGKILL, done.stderr[-3000:]

    monkeypatch.chdir(second)
    done = run_kedro("--env", "tiny", "--only-missing-outputs")
    n_run, n_reused = map(int, re.findall(r"tiny: (\d+) nodes to run, (\d+) reused", done.stdout)[0])
    assert n_run > 10 and n_reused > 10
    assert f"(s3://{BUCKET}/{PREFIX}/08_reporting/tiny/latest/report.html)" in done.stdout

    monkeypatch.chdir(third)
    n_requests = len(object_server.requests)
    done = run_kedro("--env", "tiny", "--only-missing-outputs")
    assert f"tiny: 0 nodes to run, {n_run + n_reused} reused" in done.stdout
    assert not any(request.startswith("PUT") and "_reporting" in request for request in object_server.requests[n_requests:])

    assert object_server.find_refused() == []
    _is_like_a_local_run(object_server, sequential, tmp_path / "all")
    _holds_no_secret(object_server, first, second, third)


def _is_like_a_local_run(server: ObjectServer, local: Path, folder: Path) -> None:
    for key, content in server.read_all(BUCKET).items():
        if not key.endswith(".entry.json"):
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(content)
    here, there = list_tables(local / "data"), list_tables(folder / PREFIX)
    assert set(there) == set(here) and len(there) > 80
    for name, path in here.items():
        pd.testing.assert_frame_equal(read_lasting(there[name]), read_lasting(path), obj=name)
    assert (folder / PREFIX / "08_reporting/tiny/latest/report.html").stat().st_size > 10_000


def _holds_no_secret(server: ObjectServer, *machines: Path) -> None:
    secret = KEYS["secret"].encode()
    for machine in machines:
        for path in machine.rglob("*"):
            if path.is_file() and path.name != "credentials.yml":
                assert secret not in path.read_bytes(), path
    assert not any(secret in content for content in server.read_all(BUCKET).values())
    assert not [path.name for path in machines[0].iterdir() if path.name.startswith("s3")]


def test_data_root_moves_all_results_to_a_store(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.test_config import open_context

    monkeypatch.setenv("EMB_PIPELINE_DATA_ROOT", "memory://bucket/prefix")
    loader = open_context(project).config_loader
    entries = [
        entry["filepath"] for entry in loader["catalog"].values() if "/search/" not in entry.get("filepath", "/search/")
    ]
    assert len(entries) > 50 and all(path.startswith("memory://bucket/prefix/0") for path in entries)
    folders, copies = loader["parameters"]["folders"], project / "data/02_intermediate/copies/memory/bucket/prefix"
    assert folders["encodings"] == str(copies / "04_feature/encodings")
    assert folders["models"] == str(copies / "06_models/tiny")
    assert folders["raw"] == str(project / "data/01_raw") and folders["scratch"] == str(project / "data/02_intermediate")
