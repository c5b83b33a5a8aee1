"""A task that names its metric and weighs its classes, with some labels that are wrong: from the YAML to the page."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession

OTHER = {"heart": "skin", "skin": "lung", "lung": "heart"}
TASK = """task_definitions:
  topic:
    kind: classification
    primary_metric: macro_f1
    evaluation: {metrics: [auroc], class_weights: balanced, class_descriptions: names}
"""
GRID = """use_case: tiny
grid:
  corpora: []
  baselines: [one_hot, tfidf, char_tfidf]
  controls: [random_8]
  tasks: [topic]
"""


def write_wrong_labels(path: Path) -> set[str]:
    """Make every fifteenth label wrong; the texts of these rows."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    wrong = {text for text, _ in rows[::15]}
    rows = [[text, OTHER[label] if text in wrong else label] for text, label in rows]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return wrong


def test_the_metric_of_a_task_reaches_every_table_and_wrong_labels_are_handed_back(project: Path) -> None:
    wrong = write_wrong_labels(project / "data" / "01_raw" / "tiny" / "labels.csv")
    conf = project / "conf" / "tiny"
    written = (conf / "parameters_tiny.yml").read_text()
    (conf / "parameters_tiny.yml").write_text(
        written.replace("task_definitions:\n  topic:\n    kind: classification\n", TASK)
    )
    (conf / "globals.yml").write_text(GRID)
    quick = {"report": {"resamples": 200, "permutations": 199}, "vector_search": {"indexes": []}}
    configure_project("emb_pipeline")
    with KedroSession.create(project_path=project, env="tiny", runtime_params=quick) as session:
        session.run()
    reports = project / "data" / "08_reporting" / "tiny"
    board = read_newest(reports, "leaderboard")
    primary = board[board["primary"]]
    assert set(primary["metric"]) == {"macro_f1"} and primary["letters"].notna().all()
    assert set(board["metric"]) >= {"accuracy", "macro_f1", "log_loss", "auroc"}
    for name in ("comparisons", "decision", "learning_curves"):
        assert set(read_newest(reports, name)["metric"]) == {"macro_f1"}, name
    assert set(read_newest(reports, "pair_outcomes")["metric"]) == {"accuracy"}  # an item has no F1
    record = json.loads(find_record(project).read_text())
    assert record["metrics"]["primary_metric"] == record["metrics"]["macro_f1"] and record["tags"]["primary"] == "macro_f1"

    without_labels = read_newest(reports, "zero_shot").set_index("embedding")
    assert set(without_labels.index) == set(primary["embedding"]) and set(without_labels["metric"]) == {"macro_f1"}
    with_all = primary.set_index("embedding")["value"]
    for row in without_labels.itertuples():
        assert row.gain == pytest.approx(with_all[row.Index] - row.value, abs=1e-6)
        assert row.ci_low <= row.value <= row.ci_high

    listed = pd.read_csv(reports / "label_errors.csv")
    assert listed.columns.tolist()[:5] == ["task", "id", "text", "label", "likely_label"]
    assert len(set(listed["text"]) & wrong) > 0.7 * len(wrong) and len(set(listed["text"]) - wrong) <= 2
    assert (listed["voters"] == 3).all() and (listed["votes"] >= 2).all()
    without = read_newest(reports, "without_label_errors").set_index("embedding")
    assert (without["value_without"] > without["value"]).all() and set(without["metric"]) == {"macro_f1"}
    page = (reports / "latest" / "report.html").read_text()
    assert "Which labels are likely wrong?" in page and "macro-F1" in page
    assert "Without labels, by descriptions of the classes," in page
    assert f"{len(listed)} of 150 test items" in page


def read_newest(reports: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(sorted((reports / f"{name}.parquet").iterdir())[-1] / f"{name}.parquet")


def find_record(project: Path) -> Path:
    found: list[Any] = sorted((project / "data").rglob("task/tfidf/topic/*metrics*.json"))
    return found[0]
