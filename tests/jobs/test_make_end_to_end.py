"""Jobs as processes on one folder: the tables of one run, also where a job is killed and started again."""

from __future__ import annotations

import os
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
from tests.conftest import run_kedro
from tests.jobs.kedro_of_a_test import Kedro
from tests.jobs.tables import list_differences, read_tables

KILLED = "run --env tiny --namespaces domain.word2vec_8 --only-missing-outputs"


def make(*arguments: str, kedro: Kedro) -> subprocess.Popen[str]:
    command = ["make", "-f", "jobs.mk", f"KEDRO={kedro.client}", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


GRID = {"corpora": ["domain"], "methods": {"word2vec": [8]}, "baselines": ["tfidf"], "controls": [], "tasks": ["topic"]}


@pytest.fixture
def small(project: Path) -> Path:
    """A use case of two embeddings and one task."""
    for name, changed in (("globals", {"grid": GRID}), ("parameters_tiny", {"matrix_operations": {"seconds": 0}})):
        file = project / f"conf/tiny/{name}.yml"
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **changed}))
    return project


@pytest.mark.slow
def test_jobs_find_the_same_as_one_run_also_where_one_is_killed(small: Path, tmp_path: Path) -> None:
    alone = shutil.copytree(small, tmp_path / "alone", symlinks=True)
    bootstrap_project(small)
    done = CliRunner().invoke(cli, ["jobs", "--env", "tiny", "--format", "make", "--to", "jobs.mk"])
    assert done.exit_code == 0, done.output
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
    os.chdir(alone)
    run_kedro("--env", "tiny")
    assert list_differences(read_tables(small / "data"), read_tables(alone / "data")) == []
    check_mlflow(small)


def check_mlflow(project: Path) -> None:
    """Each job has one run, also the one that was started again; cells have one below it; the jobs' runs are below one."""
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    runs = {each.name: client.search_runs([each.experiment_id]) for each in client.search_experiments()}
    counts = {name: len(found) for name, found in runs.items() if name != "emb/runs"}
    assert counts == {"Default": 0, "emb/topic": 2, "emb/scorecard": 2, "emb/train": 1}
    (top,) = (run for run in runs["emb/runs"] if "mlflow.parentRunId" not in run.data.tags)
    jobs = {run.info.run_id: run for run in runs["emb/runs"] if run is not top}
    assert {run.data.tags["mlflow.parentRunId"] for run in jobs.values()} == {top.info.run_id}
    assert top.info.status == "FINISHED" and "- Deploy" in top.data.tags["mlflow.note.content"]
    names = {run.info.run_name: run.info.status for run in jobs.values()}
    assert set(names.values()) == {"FINISHED"} and len(names) == len(jobs)
    parents = {run.info.run_name: jobs[run.data.tags["mlflow.parentRunId"]].info.run_name for run in runs["emb/topic"]}
    assert parents == {name: f"tiny/{name}" for name in ("task.tfidf", "domain.word2vec_8")}
