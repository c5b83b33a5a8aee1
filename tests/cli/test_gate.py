"""``emb-pipeline gate`` on a finished run: verdicts as exit codes, Markdown, JUnit XML, and errors that are no verdict."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from tests.forked import run_in_fork


def _gate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_in_fork(("-m", "emb_pipeline", "gate", "--env", "tiny", *arguments), {**os.environ, "COLUMNS": "400"})


def _version(project: Path) -> str:
    (folder,) = (project / "data/08_reporting/tiny/scored_units.parquet").iterdir()
    return folder.name


@pytest.mark.slow
def test_a_version_of_the_leaderboard_is_a_baseline(finished: Path) -> None:
    version = _version(finished)
    same = _gate("--baseline", version, "--deployed", "task.tfidf", "--candidate", "task.tfidf", "--margin", "0.2")
    assert same.returncode == 0, same.stderr
    assert same.stdout.count("The candidate is not worse") == 2
    worse = _gate("--baseline", version, "--candidate", "control.random_8", "--task", "search", "--junit", "out/gate.xml")
    assert worse.returncode == 1 and "The candidate is worse by more than" in worse.stdout
    suite = ElementTree.parse(finished / "out/gate.xml").getroot()
    assert suite.get("failures") == "1" and suite[0][0].get("type") == "inferior"


@pytest.mark.slow
def test_a_test_set_that_has_grown_is_compared_on_common_units_with_a_budget(finished: Path) -> None:
    file = next((finished / "data/08_reporting/tiny/scored_units.parquet").glob("*/*.parquet"))
    units = pd.read_parquet(file)
    topic = units[units["task"] == "topic"]
    kept = topic["unit_id"].drop_duplicates().head(100)
    units[(units["task"] != "topic") | units["unit_id"].isin(kept)].to_parquet(file)
    given = ("--baseline", _version(finished), "--deployed", "task.tfidf", "--candidate", "task.one_hot", "--task", "topic")
    done = _gate(*given, "--history", "gate.jsonl", "--markdown", "gate.md")
    assert done.returncode == 2, done.stderr
    assert "100 test items that both were scored on, of 100 then and 150 now" in done.stdout
    assert "would show it in 80 % of cases" in (finished / "gate.md").read_text(encoding="utf-8")
    again = _gate(*given, "--history", "gate.jsonl")
    (line,) = (finished / "gate.jsonl").read_text().splitlines()
    assert again.returncode == 2 and json.loads(line)["level"] < 0.01


@pytest.mark.slow
def test_an_error_is_no_verdict(finished: Path) -> None:
    for arguments, said in (
        (("--baseline", "nowhere", "--candidate", "task.tfidf"), "is no folder, and no version"),
        (("--baseline", _version(finished), "--candidate", "task.tfid"), "did you mean 'task.tfidf'?"),
        (("--candidate", "task.tfidf"), "Missing option '--baseline'"),
    ):
        done = _gate(*arguments)
        assert done.returncode == 3 and said in done.stderr, done.stderr
