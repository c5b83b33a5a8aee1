"""System metrics of a run, from its beginning to its end and not beyond."""

from __future__ import annotations

import multiprocessing
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from emb_pipeline.datasets.mlflow import machine as mlflow_machine
from emb_pipeline.datasets.mlflow import runs as mlflow_runs
from emb_pipeline.datasets.mlflow.machine import MachineMonitor

pytestmark = pytest.mark.slow


def open_run(folder: Path) -> tuple[str, str]:
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    run_id = mlflow_runs.open_run(uri, "emb/runs", "tiny", {}, {})
    assert run_id
    return uri, run_id


def history(uri: str, run_id: str) -> list[Any]:
    from mlflow import MlflowClient

    return list(MlflowClient(uri).get_metric_history(run_id, "system/cpu_utilization_percentage"))


def watching() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "MachineMonitor"]


def test_a_short_run_has_one_sample_and_its_thread_ends_with_it(tmp_path: Path) -> None:
    monitor = MachineMonitor(*(found := open_run(tmp_path)))
    monitor.start()
    assert len(watching()) == 1
    monitor.stop()
    assert not watching() and len(history(*found)) == 1


def test_a_longer_run_has_a_sample_an_interval_as_mlflow_sets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    monitor = MachineMonitor(*(found := open_run(tmp_path)))
    monitor.start()
    while len(history(*found)) < 3:
        threading.Event().wait(0.05)
    monitor.stop()
    steps = [each.step for each in history(*found)]
    assert steps == list(range(len(steps)))


def test_a_worker_that_is_forked_meanwhile_can_write_to_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.001")
    uri, run_id = open_run(tmp_path)
    monitor = MachineMonitor(uri, run_id)
    monitor.start()
    workers = [
        multiprocessing.get_context("fork").Process(target=mlflow_runs.log_run, args=(uri, "emb/topic", f"run {n}", {}))
        for n in range(6)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    monitor.stop()
    assert [worker.exitcode for worker in workers] == [0] * len(workers)


def test_samples_go_on_when_a_store_that_was_away_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    monkeypatch.setattr(mlflow_machine, "_AGAIN_SECONDS", 0.05)
    uri, run_id = open_run(tmp_path)
    (tmp_path / "away").mkdir()
    later = f"sqlite:///{tmp_path / 'away' / 'none' / 'mlflow.db'}"
    (tmp_path / "away" / "none").write_text("a file where a folder should be")
    monitor = MachineMonitor(later, run_id)
    monitor.start()
    threading.Event().wait(0.3)
    (tmp_path / "away" / "none").unlink()
    shutil.copytree(tmp_path, tmp_path / "away" / "none", ignore=shutil.ignore_patterns("away"))
    deadline = time.monotonic() + 30
    while not history(later, run_id) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    monitor.stop()
    assert len(history(later, run_id)) >= 2 and not history(uri, run_id)


def test_a_run_of_another_machine_is_closed_an_hour_after_its_last_sample(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    uri, _ = open_run(tmp_path)
    client, now = MlflowClient(uri), int(time.time() * 1000)
    place = client.get_experiment_by_name("emb/runs").experiment_id
    elsewhere = {"process": "pod_00000000-1-1"}
    names = {name: client.create_run(place, now - 2 * 3_600_000, elsewhere, name).info.run_id for name in ("lost", "alive")}
    names["jobs"] = client.create_run(place, now - 2 * 3_600_000, {}, "jobs").info.run_id
    client.log_metric(names["lost"], "system/cpu_utilization_percentage", 1.0, now - 3_700_000)
    client.log_metric(names["alive"], "system/cpu_utilization_percentage", 1.0, now - 60_000)
    open_run(tmp_path)
    states = {name: client.get_run(run_id).info.status for name, run_id in names.items()}
    assert states == {"lost": "KILLED", "alive": "RUNNING", "jobs": "RUNNING"}


def test_a_store_that_is_gone_costs_the_samples_and_not_the_run(tmp_path: Path) -> None:
    uri, run_id = open_run(tmp_path)
    monitor = MachineMonitor(uri.replace("mlflow.db", "none/none.db"), run_id)
    (tmp_path / "none").write_text("a file where a folder should be")
    monitor.start()
    monitor.stop()
    assert not watching() and history(uri, run_id) == []
