"""``emb-pipeline drift`` on a finished run: verdicts as exit codes, the report, texts to label, and errors."""

from __future__ import annotations

import csv
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import TOPICS
from tests.forked import run_in_fork


def _drift(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run_in_fork(("-m", "emb_pipeline", "drift", "--env", "tiny", *arguments), {**os.environ, "COLUMNS": "400"})


@pytest.mark.slow
def test_texts_of_one_topic_differ_and_are_written_to_be_labeled(finished: Path) -> None:
    with (finished / "data/01_raw/tiny/domain.csv").open(newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file) if set(TOPICS["lung"]) & set(row["text"].lower()[:-1].split())]
    (finished / "new.txt").write_text("\n".join(texts[:300]))
    file = finished / "conf/tiny/parameters_tiny.yml"  # a corpus that no embedding is trained on
    file.write_text(
        file.read_text().replace("  generic: {", "  unused: {sources: [{reader: csv, path: no.csv}]}\n  generic: {")
    )
    given = ("--new", "new.txt", "--task", "topic")
    done = _drift(*given, "--to", "out/drift.html", "--examples", "2", "--label-sample", "out/label.csv")
    assert done.returncode == 1 and "topic: the new texts differ from the test texts (AUROC 0.8" in done.stdout, done.stderr
    page = (finished / "out/drift.html").read_text(encoding="utf-8")
    assert page.count("<h2>") == 3 and "<td>lung</td>" in page and "<td>corpus generic</td>" in page
    rows = list(csv.DictReader((finished / "out/label.csv").open(newline="")))
    assert len(rows) == 300 and {row["label"] for row in rows} == {""} and rows[0]["text"] in texts
    assert _drift(*given, "--threshold", "0.95").returncode == 0


@pytest.mark.slow
def test_the_test_texts_themselves_are_known_and_three_texts_are_too_few(finished: Path) -> None:
    done = _drift("--new", "data/01_raw/tiny/queries.csv", "--task", "search")
    assert done.returncode == 0 and "The new texts are those of the test set." in done.stdout, done.stderr
    (finished / "three.txt").write_text("One line of text.\nAnother line of text.\nA third line of it.\n")
    few = _drift("--new", "three.txt", "--to", "few.md")
    assert few.returncode == 2 and few.stdout.count("there are too few texts to say") == 2
    assert "| three.txt" not in (report := (finished / "few.md").read_text()) and "| new texts | 3 | 4 / 4 / 4 |" in report


@pytest.mark.slow
def test_an_error_is_no_verdict(finished: Path) -> None:
    (finished / "empty.csv").touch()
    labels = "data/01_raw/tiny/labels.csv"
    for arguments, said in (
        (("--new", labels, "--text", "txt"), "there is no column 'txt'; did you mean 'text'?"),
        (("--new", "empty.csv"), "the file is empty"),
        (("--new", labels, "--task", "topics"), "did you mean 'topic'?"),
        (("--new", labels, "--to", "drift.pdf"), "end its name in .md or .html"),
        (("--new", labels, "--env", "base"), "emb-pipeline run base"),
        ((), "Missing option '--new'"),
    ):
        done = _drift(*arguments)
        assert done.returncode == 3 and said in done.stderr, done.stderr
