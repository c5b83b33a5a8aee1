"""Parent runs that MLflow missed are kept as files, and sent by a later run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from emb_pipeline.datasets.mlflow import store as mlflow_store
from emb_pipeline.datasets.mlflow.origin import RUN_KEY
from emb_pipeline.datasets.mlflow.runs import Answer
from emb_pipeline.hooks.tracking.unsent_runs import Parent, UnsentRuns
from emb_pipeline.storage.atomic import name_this_process

pytestmark = pytest.mark.slow


@pytest.fixture
def uri(tmp_path: Path) -> Iterator[str]:
    """A store that is away: a file is in place of its folder."""
    (tmp_path / "store").touch()
    mlflow_store.forget_outages()
    yield f"sqlite:///{tmp_path / 'store' / 'mlflow.db'}"
    mlflow_store.forget_outages()


def make_parent(key: str, jobs: str = "") -> Parent:
    return Parent(f"tiny/{key}", {RUN_KEY: key, "use_case": "tiny"}, {"url": "http://me:secret@host"}, jobs)


def test_runs_that_are_over_are_sent_with_their_answer_and_their_end(uri: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    unsent, page = UnsentRuns(tmp_path / "unsent"), tmp_path / "report.html"
    page.write_text("<p>early</p>")
    last = make_parent("last", "nightly").open(uri, "").end("FINISHED", is_last=True)
    assert not last.run_id and not last.close(uri)
    unsent.keep(last)
    unsent.keep_answer(last, Answer("word2vec is best", {"best/topic": 0.5}, pd.DataFrame({"value": [0.5]}), page))
    page.write_text("<p>late</p>")
    unsent.keep(replace(make_parent("killed"), process=name_this_process().rpartition("-")[0] + "-1"))
    unsent.keep(make_parent("alive"))
    assert "secret" not in "".join(file.read_text() for file in (tmp_path / "unsent").glob("*.json"))
    unsent.send(uri, "")
    assert len(list((tmp_path / "unsent").glob("*.json"))) == 3  # it is still away

    (tmp_path / "store").unlink()
    mlflow_store.forget_outages()
    for _ in range(2):
        unsent.send(uri, (tmp_path / "files").as_uri())
        client = MlflowClient(uri)
        runs = {
            run.info.run_name: run for run in client.search_runs([client.get_experiment_by_name("emb/runs").experiment_id])
        }
        states = {name: run.info.status for name, run in runs.items()}
        assert states == {"tiny/last": "FINISHED", "tiny/nightly": "FINISHED", "tiny/killed": "KILLED"}
        assert runs["tiny/last"].info.start_time == last.started and runs["tiny/last"].info.end_time == last.ended
        jobs = runs["tiny/nightly"]
        assert runs["tiny/last"].data.tags["mlflow.parentRunId"] == jobs.info.run_id
        assert jobs.data.metrics == {"best/topic": 0.5}
    (stored,) = (tmp_path / "files").rglob("report.html")
    assert stored.read_text() == "<p>early</p>"
    assert [file.name for file in (tmp_path / "unsent").glob("[!.]*")] == ["alive.json"]
