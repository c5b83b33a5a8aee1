"""``emb-pipeline swap`` on a finished run: the report of both tasks, from bundles or from a version."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.forked import run_in_fork


def _swap(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_in_fork(("-m", "emb_pipeline", "swap", "--env", "tiny", *arguments), {**os.environ, "COLUMNS": "400"})


@pytest.mark.slow
def test_a_version_has_no_encoder_and_the_report_says_so(finished: Path) -> None:
    (version,) = (finished / "data/08_reporting/tiny/scored_units.parquet").iterdir()
    given = ("--baseline", version.name, "--deployed", "task.tfidf", "--candidate", "control.random_8")
    done = _swap(*given, "--to", "out/swap.html", "--items", "2000000", "--examples", "2")
    assert done.returncode == 0, done.stderr
    assert "Encoding 2,000,000 items takes" in done.stdout and "The report: out/swap.html" in done.stdout
    page = (finished / "out/swap.html").read_text(encoding="utf-8")
    assert page.count("Not measured: a version of the leaderboard holds no encoder") == 4
    assert page.count("<h2>") == 2 and "<td>class: heart</td>" in page and "<script" not in page


@pytest.mark.slow
def test_what_cannot_be_compared_is_one_message(finished: Path) -> None:
    for arguments, said in (
        (("--baseline", "nowhere", "--candidate", "task.tfidf"), "is no folder, and no version"),
        (("--baseline", "nowhere", "--candidate", "task.tfidf", "--to", "swap.pdf"), "end its name in .md or .html"),
    ):
        done = _swap(*arguments)
        assert done.returncode == 1 and said in done.stderr, done.stderr
