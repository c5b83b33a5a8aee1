"""One finished MLflow run per record, and science that goes on without MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emb_pipeline.datasets import tracking
from emb_pipeline.datasets.tracking import TrackedRunDataset

RECORD = {
    "params": {"origin": "domain", "method": "glove", "dim": 8},
    "metrics": {"ndcg@10": 0.5, "primary_metric": 0.5, "undefined": float("nan")},
    "series": {"loss": [0.3, 0.2]},
    "tags": {"options": "{}"},
}


@pytest.fixture(autouse=True)
def reachable() -> Iterator[None]:
    tracking._UNREACHABLE.clear()
    yield
    tracking._UNREACHABLE.clear()


def dataset(folder: Path, uri: str) -> TrackedRunDataset:
    return TrackedRunDataset(
        filepath=str(folder / "metrics.json"), experiment="emb/search", run_name="tiny/domain.glove_8", tracking_uri=uri
    )


def test_saving_writes_one_finished_run(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    dataset(tmp_path, uri).save(RECORD)
    client = MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("emb/search").experiment_id])
    assert run.info.status == "FINISHED" and run.info.run_name == "tiny/domain.glove_8"
    assert run.data.params == {"origin": "domain", "method": "glove", "dim": "8"}
    assert run.data.metrics == {"ndcg_at_10": 0.5, "primary_metric": 0.5, "loss": 0.2}
    assert [point.value for point in client.get_metric_history(run.info.run_id, "loss")] == [0.3, 0.2]
    assert dataset(tmp_path, uri).load()["mlflow_run_id"] == run.info.run_id


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
    assert dataset(tmp_path, up).flush()
    client = MlflowClient(up)
    (run,) = client.search_runs([client.get_experiment_by_name("emb/search").experiment_id])
    assert run.data.metrics["primary_metric"] == 0.5
    assert dataset(tmp_path, up).flush() and len(client.search_runs([run.info.experiment_id])) == 1
