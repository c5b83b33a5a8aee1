"""One finished MLflow run per record, and science that goes on without MLflow."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from emb_pipeline.datasets.mlflow import runs as mlflow_runs
from emb_pipeline.datasets.mlflow import store as mlflow_store
from emb_pipeline.datasets.tracking import TrackedRunDataset, TrackedTablesDataset
from tests.forked import run_in_fork, start_in_fork
from tests.servers import run_mlflow

RECORD = {
    "params": {"origin": "domain", "method": "glove", "dim": 8},
    "metrics": {"ndcg@10": 0.5, "primary_metric": 0.5, "undefined": float("nan")},
    "series": {"loss": [0.3, 0.2]},
    "tags": {"options": "{}"},
}


@pytest.fixture(autouse=True)
def reachable() -> Iterator[None]:
    mlflow_store.forget_outages()
    yield
    mlflow_store.forget_outages()


def dataset(folder: Path, uri: str) -> TrackedRunDataset:
    return TrackedRunDataset(
        filepath=str(folder / "metrics.json"),
        experiment="emb/search",
        run_name="domain.glove_8",
        use_case="tiny",
        tracking_uri=uri,
    )


@pytest.mark.slow
def test_saving_writes_one_finished_run(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    dataset(tmp_path, uri).save(RECORD)
    client = MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("emb/search").experiment_id])
    assert run.info.status == "FINISHED" and run.info.run_name == "domain.glove_8"
    assert run.data.params == {"origin": "domain", "method": "glove", "dim": "8", "corpus": "domain"}
    assert run.data.tags["cell"] == "tiny/domain.glove_8" and run.data.tags["use_case"] == "tiny"
    assert run.data.metrics == {"ndcg_at_10": 0.5, "primary_metric": 0.5, "loss": 0.2}
    assert [point.value for point in client.get_metric_history(run.info.run_id, "loss")] == [0.3, 0.2]
    assert dataset(tmp_path, uri).load()["mlflow_run_id"] == run.info.run_id


@pytest.mark.slow
def test_mlflow_being_down_costs_a_warning_and_the_run_is_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from mlflow import MlflowClient

    down = f"sqlite:///{tmp_path / 'missing' / 'folder' / 'mlflow.db'}"
    (tmp_path / "missing").write_text("a file where the folder should be")
    dataset(tmp_path, down).save(RECORD)
    assert "takes no runs" in caplog.text
    assert dataset(tmp_path, down).load()["mlflow_run_id"] is None
    up = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow_store.forget_outages()
    assert dataset(tmp_path, up).flush()
    client = MlflowClient(up)
    (run,) = client.search_runs([client.get_experiment_by_name("emb/search").experiment_id])
    assert run.data.metrics["primary_metric"] == 0.5
    assert dataset(tmp_path, up).flush() and len(client.search_runs([run.info.experiment_id])) == 1


def runs(uri: str, experiment: str = "emb/search") -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], order_by=["attributes.start_time ASC"])) if found else []


@pytest.mark.slow
def test_names_that_mlflow_refuses_are_written_all_the_same(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    dataset(tmp_path, uri).save({**RECORD, "metrics": {"f1_<b>": 0.5, "f1_A & B": 0.25}})
    (run,) = runs(uri)
    assert run.data.metrics["f1__x3c_b_x3e_"] == 0.5 and run.data.metrics["f1_A _x26_ B"] == 0.25


@pytest.mark.slow
def test_a_record_that_is_refused_leaves_nothing_open_and_does_not_stop_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert (
        mlflow_runs.log_run(uri, "emb/search", "first", {"params": {"a": 1}, "tags": {"mlflow.user": "x" * 9}}) is not None
    )
    refused = mlflow_runs.log_run(uri, "e" * 600, "second", RECORD)
    assert refused is None and "MLflow refuses second" in caplog.text
    assert mlflow_runs.log_run(uri, "emb/search", "third", RECORD) is not None
    assert [(run.info.run_name, run.info.status) for run in runs(uri)] == [("first", "FINISHED"), ("third", "FINISHED")]


@pytest.mark.slow
def test_a_deleted_experiment_is_restored(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    dataset(tmp_path, uri).save(RECORD)
    client = MlflowClient(uri)
    client.delete_experiment(client.get_experiment_by_name("emb/search").experiment_id)
    dataset(tmp_path, uri).save(RECORD)
    assert len(runs(uri)) == 2


@pytest.mark.slow
def test_a_run_with_another_hyper_parameter_says_which_in_name_and_params(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    for options in ('{"window": 5, "epochs": 10}', '{"window": 9, "epochs": 10}', '{"window": 9, "epochs": 10}'):
        dataset(tmp_path, uri).save({**RECORD, "tags": {"options": options}})
    names = [run.info.run_name for run in runs(uri)]
    assert names == ["domain.glove_8", "domain.glove_8 window=9", "domain.glove_8"]
    assert [run.data.params["window"] for run in runs(uri)] == ["5", "9", "9"]


@pytest.mark.slow
def test_no_password_reaches_mlflow(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    address = "http://me:secret@host/x"
    dataset(tmp_path, uri).save({"params": {"address": address}, "tags": {"options": f'{{"url": "{address}"}}'}})
    mlflow_runs.open_run(
        uri, "emb/search", "parent", {"kedro_command": f"kedro run --params url={address}"}, {"url": address}
    )
    assert not [run for run in runs(uri) if "secret" in str(run.to_dictionary())]
    assert not [file for file in tmp_path.rglob("config.json") if "secret" in file.read_text()]


@pytest.mark.slow
@pytest.mark.parametrize("named", ["", "s3://bucket/mlflow"])
def test_artifacts_have_an_absolute_place_whatever_the_working_folder_of_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    root = named or mlflow_store.locate_artifacts(uri, tmp_path / "project" / "mlruns")
    mlflow_runs.log_run(uri, "emb/search & more", "domain.glove_8", RECORD, artifact_location=root)
    place = MlflowClient(uri).get_experiment_by_name("emb/search & more").artifact_location
    assert place == f"{named or f'file://{tmp_path}/project/mlruns'}/emb/search%20%26%20more"


@pytest.mark.slow
def test_what_a_server_missed_while_it_was_down_is_written_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = pa.table({"task": ["search"], "metric": ["ndcg@10"], "value": [0.5], "grid_dim": ["8"], "train_seconds": [1.0]})
    for name, value in {"origin": "domain", "method": "glove", "tuned": False, "seed": 0, "bytes_per_item": 32.0}.items():
        cells = cells.append_column(name, pa.array([value]))
    with run_mlflow(tmp_path) as server:
        uri = server.uri
        dataset(tmp_path / "one", uri).save(RECORD)
        assert len(runs(uri)) == 1
        server.kill()
        missed = dataset(tmp_path / "two", uri)
        card = TrackedTablesDataset(
            filepath=str(tmp_path / "card"),
            experiment="emb/scorecard",
            run_name="domain.glove_8",
            use_case="tiny",
            tracking_uri=uri,
        )
        missed.save(RECORD)
        card.save({"cells": cells})
        assert missed.load()["mlflow_run_id"] is None and "takes no runs" in caplog.text
        server.start()
        mlflow_store.forget_outages()
        assert missed.flush() and card.flush() and missed.flush() and card.flush()
        assert len(runs(uri)) == 2 and missed.load()["mlflow_run_id"] in {run.info.run_id for run in runs(uri)}
        assert [run.data.metrics["search/ndcg_at_10"] for run in runs(uri, "emb/scorecard")] == [0.5]


@pytest.mark.slow
def test_a_run_whose_process_was_killed_is_closed_by_the_next_one(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    script = (
        "import os, signal; from emb_pipeline.datasets.mlflow import runs; "
        f"runs.open_run({uri!r}, 'emb/search', 'killed', {{}}, {{}}); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert run_in_fork(["-c", script], os.environ).returncode == -signal.SIGKILL
    assert [run.info.status for run in runs(uri)] == ["RUNNING"]
    open_run = mlflow_runs.open_run(uri, "emb/search", "next", {}, {})
    assert {run.info.run_name: run.info.status for run in runs(uri)} == {"killed": "KILLED", "next": "RUNNING"}
    mlflow_runs.close_run(uri, str(open_run), "FINISHED")
    assert {run.info.run_name: run.info.status for run in runs(uri)} == {"killed": "KILLED", "next": "FINISHED"}


@pytest.mark.parametrize(
    ("number", "arguments"),
    [
        (signal.SIGINT, ()),
        (signal.SIGTERM, ("--runner", "emb_pipeline.runners.ProcessRunner", "--runner-params", "max_workers=2")),
    ],
)
def test_a_run_that_is_stopped_is_closed_and_leaves_no_worker(
    number: int, arguments: tuple[str, ...], project: Path
) -> None:
    uri = f"sqlite:///{project / 'mlflow.db'}"
    made = project / "data/03_primary/tiny/tasks/topic/examples/manifest.json"
    with start_in_fork(["-m", "kedro", "run", "--env", "tiny", *arguments], os.environ) as running:
        deadline = time.monotonic() + 120
        while not made.is_file() and running.process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        workers = psutil.Process(running.process.pid).children(recursive=True)
        os.kill(running.process.pid, number)
        running.process.join(timeout=60)
        assert running.process.exitcode
    assert not psutil.wait_procs(workers, timeout=20)[1]
    assert [run.info.status for run in runs(uri, "emb/runs")] == ["KILLED"]
