"""System metrics of a run, from its beginning to its end and not beyond."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import pytest

from emb_pipeline.datasets import mlflow_runs
from emb_pipeline.datasets.mlflow_machine import MachineMonitor

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


def test_a_store_that_is_gone_ends_the_samples_and_not_the_run(tmp_path: Path) -> None:
    uri, run_id = open_run(tmp_path)
    monitor = MachineMonitor(uri.replace("mlflow.db", "none/none.db"), run_id)
    (tmp_path / "none").write_text("a file where a folder should be")
    monitor.start()
    monitor.stop()
    assert not watching() and history(uri, run_id) == []
