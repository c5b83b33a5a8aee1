"""Runs of cells have intervals, costs and a model each, once, and a view that lists the last leaderboard alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emb_pipeline.datasets.mlflow import store as mlflow_store
from emb_pipeline.datasets.mlflow.leaderboard import RankedCell, RankedTask, Scorecards, find_links, track_leaderboard
from emb_pipeline.datasets.mlflow.origin import INHERITED
from emb_pipeline.datasets.mlflow.runs import log_run
from emb_pipeline.datasets.mlflow.views import View, decode_view
from tests.conftest import make_mlflow_store

pytestmark = pytest.mark.slow
RECORD = {
    "params": {"origin": "domain", "method": "glove", "dim": 8},
    "metrics": {"accuracy": 0.75},
    "inputs": [
        {
            "name": "topic",
            "digest": "abc",
            "source": "http://me:secret@host/labels.csv",
            "profile": {"examples_rows": 150, "classes": 3},
            "columns": [{"name": "text", "type": "string"}],
            "context": "evaluation",
        }
    ],
}
SCORES = {"accuracy": 0.75, "accuracy_low": 0.5, "accuracy_high": 0.9, "n": 150.0, "train_seconds": 2.0}
PARAMS = {"origin": "domain", "method": "glove", "dim": "8", "probe.folds": "5"}


@pytest.fixture(autouse=True)
def reachable() -> Iterator[None]:
    mlflow_store.forget_outages()
    yield
    mlflow_store.forget_outages()


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, which takes MLflow two seconds."""
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    make_mlflow_store(file)
    return file


@pytest.fixture
def uri(empty_store: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(empty_store, tmp_path / 'mlflow.db')}"


def write_run(uri: str, name: str = "domain.glove_8") -> str:
    run_id = log_run(uri, "emb/topic", name, RECORD)
    assert run_id
    return run_id


def rank(run_id: str, embedding: str = "domain.glove_8", **changed: Any) -> RankedCell:
    return replace(RankedCell(embedding, run_id, SCORES, PARAMS, "topic", "abc"), **changed)


def track(uri: str, *cells: RankedCell, note: str = "a task") -> None:
    task = RankedTask("emb/topic", View("tiny", "accuracy", ["train_seconds"]), note, cells)
    track_leaderboard(uri, "tiny", [task], Scorecards("emb/scorecard"))


def client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(uri)


def search(uri: str, wanted: str) -> list[Any]:
    place = client(uri).get_experiment_by_name("emb/topic").experiment_id
    return list(client(uri).search_runs([place], wanted))


def models(uri: str) -> list[Any]:
    place = client(uri).get_experiment_by_name("emb/scorecard").experiment_id
    return list(client(uri).search_logged_models([place]))


def test_a_run_has_the_interval_beside_the_score_and_its_data_set_without_the_data(uri: str) -> None:
    run_id = write_run(uri)
    track(uri, rank(run_id))
    (run,) = search(uri, "metrics.accuracy_low > 0.4 and params.method = 'glove'")
    assert run.data.metrics == SCORES and run.info.status == "FINISHED"
    (data,) = (each.dataset for each in run.inputs.dataset_inputs)
    assert (data.name, data.digest, data.profile) == ("topic", "abc", '{"examples_rows": 150, "classes": 3}')
    assert "labels.csv" in data.source and "secret" not in data.source
    assert [each.value for each in client(uri).get_metric_history(run_id, "accuracy")] == [0.75]


def test_the_run_of_a_cell_has_user_source_and_commit_of_its_parent(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tags = {"mlflow.user": "ann", "mlflow.source.name": "kedro run --env tiny", "mlflow.source.git.commit": "abc"}
    monkeypatch.setenv(INHERITED, json.dumps(tags))
    assert tags.items() <= client(uri).get_run(write_run(uri)).data.tags.items()


def test_the_model_of_an_embedding_has_its_params_and_its_scores_by_data_set(uri: str) -> None:
    run_id = write_run(uri)
    track(uri, rank(run_id))
    (model,) = models(uri)
    assert (model.name, str(model.status)) == ("domain glove_8", "READY") and model.tags["embedding"] == "domain.glove_8"
    assert model.params == {"origin": "domain", "method": "glove", "dim": "8"}
    scores = {each.key: (each.value, each.dataset_name, each.dataset_digest, each.run_id) for each in model.metrics}
    assert scores == {name: (value, "topic", "abc", run_id) for name, value in SCORES.items()}
    assert [each.model_id for each in client(uri).get_run(run_id).inputs.model_inputs] == [model.model_id]
    best = {"field_name": "metrics.accuracy", "dataset_name": "topic", "dataset_digest": "abc", "ascending": False}
    place = client(uri).get_experiment_by_name("emb/scorecard").experiment_id
    assert [each.name for each in client(uri).search_logged_models([place], order_by=[best])] == ["domain glove_8"]


def test_a_second_leaderboard_of_the_same_doubles_nothing(uri: str) -> None:
    run_id = write_run(uri)
    for _ in range(3):
        track(uri, rank(run_id))
    assert len(models(uri)) == 1 and len(client(uri).get_run(run_id).inputs.model_inputs) == 1
    assert {name: len(client(uri).get_metric_history(run_id, name)) for name in SCORES} == dict.fromkeys(SCORES, 1)


def test_an_interval_that_changed_replaces_the_one_before(uri: str) -> None:
    run_id = write_run(uri)
    track(uri, rank(run_id))
    track(uri, rank(run_id, metrics={**SCORES, "accuracy_low": 0.45}))
    assert client(uri).get_run(run_id).data.metrics["accuracy_low"] == 0.45


def test_an_embedding_with_other_hyper_parameters_is_another_model(uri: str) -> None:
    first, second = write_run(uri), write_run(uri)
    track(uri, rank(first))
    track(uri, rank(second, params={**PARAMS, "window": "9"}))
    assert sorted(model.params.get("window", "") for model in models(uri)) == ["", "9"]
    track(uri, rank(second, params={**PARAMS, "window": "9", "probe.folds": "3"}))
    assert len(models(uri)) == 2


def test_the_view_lists_the_runs_of_the_last_leaderboard_alone(uri: str) -> None:
    first, second, other = write_run(uri), write_run(uri), write_run(uri, "task.tfidf")
    track(uri, rank(first), rank(other, "task.tfidf"))
    track(uri, rank(second), rank(other, "task.tfidf"))
    experiment = client(uri).get_experiment_by_name("emb/topic")
    view = decode_view(experiment.tags["mlflow.sharedViewState.tiny"])
    assert {run.info.run_id for run in search(uri, view["searchFilter"])} == {second, other}
    assert view["orderByKey"] == "metrics.`accuracy`" and "metrics.`train_seconds`" in view["selectedColumns"]
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    link = f"http://127.0.0.1:5000/#/experiments/{experiment.experiment_id}/runs"
    assert find_links(uri, "tiny", {"topic": "emb/topic", "gone": "emb/gone"}) == {
        "topic": f"{link}?viewStateShareKey=tiny&workflowType=machine_learning"
    }


def test_a_description_that_a_person_wrote_stays(uri: str) -> None:
    run_id = write_run(uri)
    track(uri, rank(run_id), note="by the pipeline")
    experiment = client(uri).get_experiment_by_name("emb/topic")
    assert experiment.tags["mlflow.note.content"] == "by the pipeline"
    client(uri).set_experiment_tag(experiment.experiment_id, "mlflow.note.content", "by a person")
    track(uri, rank(run_id), note="by the pipeline")
    assert client(uri).get_experiment(experiment.experiment_id).tags["mlflow.note.content"] == "by a person"


def test_a_run_that_somebody_deleted_is_left_alone(uri: str) -> None:
    kept, gone = write_run(uri), write_run(uri, "task.tfidf")
    client(uri).delete_run(gone)
    track(uri, rank(kept), rank(gone, "task.tfidf"))
    assert [run.info.run_id for run in search(uri, "tags.leaderboard = 'tiny'")] == [kept]


def test_a_store_that_is_down_costs_a_warning_and_is_written_by_the_next_leaderboard(
    uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("a file where a folder should be")
    down = f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}"
    run_id = write_run(uri)
    track(down, rank(run_id))
    assert "takes no runs" in caplog.text and find_links(down, "tiny", {"topic": "emb/topic"}) == {}
    track(uri, rank(run_id))
    assert client(uri).get_run(run_id).data.metrics == SCORES
