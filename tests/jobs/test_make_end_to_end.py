"""Jobs as processes on one folder: the tables of one run, also where a job is killed and started again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from mlflow import MlflowClient

from emb_pipeline.cli import cli
from emb_pipeline.datasets.mlflow.jobs import JOBS
from tests.conftest import run_kedro
from tests.jobs.kedro_of_a_test import Kedro
from tests.jobs.tables import list_differences, read_tables
from tests.object_server import ObjectServer

KILLED = "run --env tiny --namespaces domain.word2vec_8 --only-missing-outputs"


def make(*arguments: str, kedro: Kedro) -> subprocess.Popen[str]:
    command = ["make", "-f", "jobs.mk", f"KEDRO={kedro.client}", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


GRID = {"corpora": ["domain"], "methods": {"word2vec": [8]}, "baselines": ["tfidf"], "controls": [], "tasks": ["topic"]}


@pytest.fixture(scope="module")
def template(project_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A use case of two embeddings and one task."""
    project = tmp_path_factory.mktemp("small") / "template"
    shutil.copytree(project_template, project, symlinks=True)
    for name, changed in (("globals", {"grid": GRID}), ("parameters_tiny", {"matrix_operations": {"seconds": 0}})):
        file = project / f"conf/tiny/{name}.yml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **changed}))
    return project


@pytest.fixture(scope="module")
def alone(template: Path) -> Path:
    """One run of it."""
    folder = shutil.copytree(template, template.with_name("alone"), symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        run_kedro("--env", "tiny")
    return folder


@pytest.fixture
def small(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the working directory, with its jobs in a Makefile."""
    folder = shutil.copytree(template, tmp_path / "project", symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv(JOBS, raising=False)
    bootstrap_project(folder)
    done = CliRunner().invoke(cli, ["jobs", "--env", "tiny", "--format", "make", "--to", "jobs.mk"])
    assert done.exit_code == 0, done.output
    return folder


@pytest.mark.slow
def test_jobs_find_the_same_as_one_run_also_where_one_is_killed(small: Path, alone: Path, tmp_path: Path) -> None:
    with Kedro(tmp_path).serve(sys.executable) as kedro:
        first = make("-j2", "-k", kedro=kedro)
        vectors = small / "data/06_models/tiny/domain/word2vec_8/vectors.arrow"
        while not vectors.exists():
            assert first.poll() is None
            time.sleep(0.02)
        kedro.running[KILLED].process.kill()
        said, _ = first.communicate()
        assert first.returncode == 2 and KILLED.partition(" --only")[0] in said
        assert kedro.most_at_once == 2
        report = small / "data/08_reporting/tiny/latest/report.html"
        assert not report.exists()
        again = make("-j2", kedro=kedro)
        said, _ = again.communicate()
        assert again.returncode == 0, said
        assert kedro.commands.count(KILLED) == 2 and len(kedro.commands) == len(set(kedro.commands)) + 1
        assert report.exists()
        assert "Nothing to be done" in make("-j2", kedro=kedro).communicate()[0]
    assert list_differences(read_tables(small / "data"), read_tables(alone / "data")) == []
    check_mlflow(small)


def check_mlflow(project: Path) -> None:
    """Each cell has one run, below that of its job, and each job one below that of all jobs."""
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    runs = {each.name: client.search_runs([each.experiment_id]) for each in client.search_experiments()}
    counts = {name: len(found) for name, found in runs.items()}
    assert counts == {"Default": 0, "emb/runs": 9, "emb/train": 1, "emb/topic": 2, "emb/scorecard": 2}
    (top,) = (run for run in runs["emb/runs"] if "mlflow.parentRunId" not in run.data.tags)
    jobs = {run.info.run_id: run for run in runs["emb/runs"] if run is not top}
    assert {run.data.tags["mlflow.parentRunId"] for run in jobs.values()} == {top.info.run_id}
    assert top.info.status == "FINISHED" and "- Deploy" in top.data.tags["mlflow.note.content"]
    ended = sorted((run.info.run_name, run.info.status) for run in jobs.values())
    assert [status for _, status in ended] == ["FINISHED"] * 8, ended  # a job that was started again has one run
    parents = {run.info.run_name: jobs[run.data.tags["mlflow.parentRunId"]].info.run_name for run in runs["emb/topic"]}
    assert parents == {name: f"tiny/{name}" for name in ("task.tfidf", "domain.word2vec_8")}


@pytest.mark.slow
def test_jobs_in_folders_of_their_own_meet_in_an_object_store(
    small: Path, alone: Path, object_server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_server.make_bucket("jobs")
    monkeypatch.setenv("EMB_PIPELINE_DATA_ROOT", "s3://jobs/team")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{small / 'mlflow.db'}")
    for name, value in object_server.environment.items():
        monkeypatch.setenv(name, value)

    def make_machine(number: int) -> Path:
        return shutil.copytree(
            small, tmp_path / f"machine{number}", symlinks=True, ignore=shutil.ignore_patterns("mlflow.db")
        )

    with Kedro(tmp_path, make_machine).serve(sys.executable) as kedro:
        run = make("-j2", kedro=kedro)
        said, _ = run.communicate()
        assert run.returncode == 0, said
        assert kedro.most_at_once == 2 and len(kedro.commands) == len(list(tmp_path.glob("machine*"))) == 8
    for key, content in object_server.read_all("jobs").items():
        (tmp_path / "found" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "found" / key).write_bytes(content)
    assert list_differences(read_tables(tmp_path / "found/team"), read_tables(alone / "data")) == []
    assert not [path for path in tmp_path.glob("machine*/data/0[4-8]*/tiny/*") if not path.name.startswith(".")]
