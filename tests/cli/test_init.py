"""From somebody's file to a first answer, by two commands, and on to the whole grid without doing anything twice."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project

from emb_pipeline.cli import cli
from tests.conftest import QUICK
from tests.forked import run_in_fork
from tests.scaffold.brought_files import LAYOUTS, gaps_and_rare_classes

SMALL_GRID = """use_case: mine
grid:
  corpora: []
  baselines: [one_hot, tfidf, char_tfidf]
  controls: [random_100]
  tasks: [products]
"""


def call(*arguments: str) -> str:
    done = run_in_fork(["-m", "emb_pipeline", *arguments], {**os.environ})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def read_board(project: Path) -> set[str]:
    versions = sorted((project / "data/08_reporting/mine/leaderboard.parquet").glob("*/leaderboard.parquet"))
    return set(pq.read_table(versions[-1])["embedding"].to_pylist())


def find_scores(project: Path) -> dict[str, int]:
    """Find when the scores of each embedding were written."""
    scores = project / "data" / "07_model_output" / "mine"
    return {
        ".".join(path.relative_to(scores).parts[:2]): path.stat().st_mtime_ns for path in scores.rglob("item_scores.parquet")
    }


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_becomes_a_use_case_that_kedro_can_read(layout: object, project: Path) -> None:
    raw = project / "data" / "01_raw" / "mine"
    raw.mkdir(parents=True)
    files = [str(path) for path in layout(raw)]  # type: ignore[operator]
    bootstrap_project(project)
    done = CliRunner().invoke(cli, ["init", "mine", *files, "--yes"])
    assert done.exit_code == 0, done.output
    assert "emb-pipeline run mine --fast" in done.output
    written = yaml.safe_load((project / "conf/mine/globals.yml").read_text())
    assert written["use_case"] == "mine" and written["grid"]["tasks"]


def test_a_first_answer_then_all_of_it(project: Path) -> None:
    (project / "conf/local/parameters.yml").write_text(QUICK)
    raw = project / "data" / "01_raw" / "mine"
    raw.mkdir(parents=True)
    (file,) = gaps_and_rare_classes(raw)
    said = call("init", "mine", str(file), "--yes")
    assert "predict label (3 classes) from text" in said and "classes with a single example are left out: harbor" in said
    conf = project / "conf" / "mine"
    (conf / "globals.yml").write_text(SMALL_GRID)
    (conf / "parameters_fast.yml").write_text("fast: {embeddings: [task.tfidf, control.random_100], sample: 60}\n")
    (conf / "parameters_corpora.yml").unlink(missing_ok=True)
    first = call("run", "mine", "--fast")
    assert "kedro run --env mine --params pace=fast --only-missing-outputs --remake-stale" in first
    assert "This is a first answer, on at most 60 examples" in first
    assert read_board(project) == {"task.tfidf", "control.random_100"}
    page = (project / "data/08_reporting/mine/latest/report.html").read_text()
    assert "This is a first answer, on a sample" in page
    before = find_scores(project)
    (conf / "parameters_fast.yml").write_text("fast: {embeddings: [task.tfidf, task.one_hot], sample: 60}\n")
    call("run", "mine", "--fast")
    assert read_board(project) == {"task.tfidf", "task.one_hot"}
    after = find_scores(project)
    assert after.pop("task.one_hot") and after == {name: time for name, time in before.items() if name in after}


def test_a_use_case_is_not_overwritten_and_a_bad_name_is_refused(project: Path) -> None:
    (file,) = gaps_and_rare_classes(project)
    bootstrap_project(project)
    run = CliRunner()
    assert "there is a use case of this name" in run.invoke(cli, ["init", "tiny", str(file), "--yes"]).output
    assert "lower-case letters" in run.invoke(cli, ["init", "My-Shop", str(file), "--yes"]).output
    assert "there is no such file" in run.invoke(cli, ["init", "mine", "absent.csv", "--yes"]).output
    assert not (project / "conf" / "mine").exists()
