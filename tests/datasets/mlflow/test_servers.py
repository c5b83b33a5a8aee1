"""An MLflow server on PostgreSQL: runs at once, killed and started again in mid-run, steps that run twice."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emb_pipeline.datasets.mlflow import store as mlflow_store
from emb_pipeline.datasets.mlflow.origin import INHERITED, PARENT_RUN, RUN_KEY
from emb_pipeline.datasets.mlflow.runs import close_run, open_run
from emb_pipeline.datasets.tracking import TrackedRunDataset
from emb_pipeline.storage.failures import Failed
from tests.forked import make_process, run_in_fork, start_in_fork
from tests.servers import MlflowServer, run_mlflow, run_postgres

pytestmark = pytest.mark.slow
RECORD = {
    "params": {"origin": "domain", "method": "glove", "dim": 8},
    "metrics": {"accuracy": 0.5},
    "series": {"loss": [3, 2]},
}
_SECONDS = 240


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with run_postgres() as store, run_mlflow(tmp_path_factory.mktemp("mlflow"), store) as running:
        yield running


@pytest.fixture(autouse=True)
def reachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (PARENT_RUN, INHERITED):
        monkeypatch.delenv(name, raising=False)
    mlflow_store.forget_outages()
    yield
    mlflow_store.forget_outages()


def make_dataset(folder: Path, uri: str, task: str, name: str = "domain.glove_8") -> TrackedRunDataset:
    return TrackedRunDataset(
        filepath=str(folder / f"{task}.{name}.json"),
        experiment=f"emb/{task}",
        run_name=name,
        use_case="tiny",
        tracking_uri=uri,
    )


def list_runs(uri: str, experiment: str, key: str | None = None) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    place = client.get_experiment_by_name(experiment)
    wanted = f"tags.{RUN_KEY} = '{key}'" if key else ""
    return list(client.search_runs([place.experiment_id], wanted, max_results=500)) if place else []


def begin(uri: str, key: str) -> dict[str, str]:
    """Open a parent run, and give the environment of the processes below it."""
    parent = open_run(uri, "emb/runs", key, {RUN_KEY: key}, {})
    return {PARENT_RUN: str(parent), INHERITED: json.dumps({RUN_KEY: key})}


def write_cells(folder: str, uri: str, key: str, n_cells: int) -> None:
    environment = begin(uri, key)
    os.environ.update(environment)
    for number in range(n_cells):
        make_dataset(Path(folder), uri, f"task_{number % 2}", f"domain.glove_{number}").save(RECORD)
    close_run(uri, environment[PARENT_RUN], "FINISHED")


def test_runs_at_once_on_one_server_have_their_cells_each_once(server: MlflowServer, tmp_path: Path) -> None:
    keys = ["first", "second", "third"]
    processes = [make_process(write_cells, str(tmp_path / key), server.uri, key, 8) for key in keys]
    for process in processes:
        process.start()
    for process in processes:
        process.join(_SECONDS)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    parents = {
        run.info.run_id: run.data.tags[RUN_KEY] for run in list_runs(server.uri, "emb/runs") if run.info.run_name in keys
    }
    assert sorted(parents.values()) == sorted(keys)
    found = [run for task in (0, 1) for run in list_runs(server.uri, f"emb/task_{task}")]
    assert Counter(parents[run.data.tags["mlflow.parentRunId"]] for run in found) == dict.fromkeys(keys, 8)
    assert len({(run.data.tags[RUN_KEY], run.info.run_name) for run in found}) == len(found) == 24
    assert {run.info.status for run in found} == {"FINISHED"}


def test_a_step_that_runs_twice_in_a_run_writes_one_run(
    server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(server.uri)
    for key in ("once", "again"):
        for name, value in begin(server.uri, key).items():
            monkeypatch.setenv(name, value)
        dataset = make_dataset(tmp_path, server.uri, "twice", 'it\'s "glove"')
        for accuracy in (0.25, 0.75):
            dataset.save({**RECORD, "metrics": {"accuracy": accuracy}})
        (run,) = list_runs(server.uri, "emb/twice", key)
        assert run.data.metrics["accuracy"] == 0.75 and run.info.run_id == dataset.load()["mlflow_run_id"]
        assert [point.value for point in client.get_metric_history(run.info.run_id, "loss")] == [3, 2]
    assert len(list_runs(server.uri, "emb/twice")) == 2
    # A process that was killed while it wrote left a run behind, open and without values.
    client.create_run(run.info.experiment_id, tags={RUN_KEY: "again", "cell": run.data.tags["cell"]})
    dataset.save(RECORD)
    assert [run.info.status for run in list_runs(server.uri, "emb/twice", "again")] == ["FINISHED"]


def test_records_of_an_outage_are_written_later_as_they_would_have_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record and a failure are made while the server is away; another run begins before their parent run is there."""
    with run_mlflow(tmp_path) as server:
        server.kill()
        monkeypatch.setenv(INHERITED, json.dumps({RUN_KEY: "early"}))
        done, failed = (make_dataset(tmp_path, server.uri, task) for task in ("done", "failed"))
        done.save(RECORD)
        failed.save(Failed("domain.glove_8 on failed", "no reason"))
        before = int(time.time() * 1000)
        server.start()
        mlflow_store.forget_outages()
        for name, value in begin(server.uri, "late").items():
            monkeypatch.setenv(name, value)
        assert not done.flush() and not failed.flush()  # their parent is not there yet
        parent = begin(server.uri, "early")[PARENT_RUN]
        assert not done.flush()  # it goes on, and may write the record itself
        close_run(server.uri, parent, "FINISHED")
        assert done.flush() and failed.flush() and done.flush() and failed.flush()
        for task, status in (("done", "FINISHED"), ("failed", "FAILED")):
            (run,) = list_runs(server.uri, f"emb/{task}")
            assert (run.info.status, run.data.tags["mlflow.parentRunId"], run.data.tags[RUN_KEY]) == (
                status,
                parent,
                "early",
            )
            assert run.info.end_time <= before
        assert done.load()["mlflow_run_id"] == list_runs(server.uri, "emb/done")[0].info.run_id
    assert not list(tmp_path.rglob("*.unsent.json"))


def check_tree(uri: str, project: Path, parent: Any) -> None:
    """Every record of a project is one run below the parent run."""
    assert not [file for file in project.rglob("*") if "unsent" in file.name and file.is_file()]
    records = [file for name in ("metrics.json", "training.json") for file in (project / "data").rglob(name)]
    scored = Counter(f"emb/{file.parent.name}" for file in records if file.name == "metrics.json")
    wanted = {**scored, "emb/train": sum(file.name == "training.json" for file in records)}
    wanted["emb/scorecard"] = len(list((project / "data/07_model_output/tiny").glob("*/*/scores/manifest.json")))
    found = {name: list_runs(uri, name) for name in wanted}
    assert {name: len(runs) for name, runs in found.items()} == wanted
    for runs in found.values():
        assert {run.info.status for run in runs} == {"FINISHED"}
        assert {run.data.tags["mlflow.parentRunId"] for run in runs} == {parent.info.run_id}
        assert {run.data.tags[RUN_KEY] for run in runs} == {parent.data.tags[RUN_KEY]}


def test_a_server_killed_and_started_again_in_mid_run_has_everything_in_the_end(
    server: MlflowServer, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**os.environ, "MLFLOW_TRACKING_URI": server.uri}
    deadline = time.monotonic() + _SECONDS
    with start_in_fork(["-m", "kedro", "run", "--env", "tiny"], environment) as running:
        while not list((project / "data").rglob("training.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        server.kill()
        while not list((project / "data").rglob("metrics.json.unsent.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(running.process.pid, signal.SIGSTOP)  # it waits here until the server is back
        server.start()
        os.kill(running.process.pid, signal.SIGCONT)
        running.process.join(_SECONDS)
        assert running.process.exitcode == 0, running.stderr.read_text()
    (parent,) = [run for run in list_runs(server.uri, "emb/runs") if run.data.tags.get("use_case") == "tiny"]
    assert parent.info.status == "FINISHED" and "best/topic" in parent.data.metrics
    check_tree(server.uri, project, parent)


def test_a_run_that_ends_without_a_server_is_written_by_the_next_one(finished: Path, tmp_path: Path) -> None:
    step = "domain.word2vec_8.topic.evaluate_classification"
    with run_mlflow(tmp_path) as server:
        server.kill()
        environment = {**os.environ, "MLFLOW_TRACKING_URI": server.uri}
        done = run_in_fork(["-m", "kedro", "run", "--env", "tiny", "--nodes", step], environment)
        assert done.returncode == 0, done.stderr
        server.start()
        done = run_in_fork(["-m", "kedro", "run", "--env", "tiny", "--only-missing-outputs"], environment)
        assert done.returncode == 0, done.stderr
        parents = list_runs(server.uri, "emb/runs")
        assert [run.info.status for run in parents] == ["FINISHED", "FINISHED"]
        (early,) = [run for run in parents if "--nodes" in run.data.tags["kedro_command"]]
        (run,) = list_runs(server.uri, "emb/topic")
        assert run.data.tags["mlflow.parentRunId"] == early.info.run_id
        assert early.info.start_time <= run.info.end_time <= early.info.end_time
