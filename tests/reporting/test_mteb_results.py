"""Scores on tasks of MTEB, in the files that its package reads."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from emb_pipeline.reporting.mteb_results import NAMES, Scored, write_mteb_results
from emb_pipeline.tasks.registry import KINDS

ABOUT = {
    "task": "NFCorpus",
    "type": "Retrieval",
    "revision": "ec0fa4fe99da2ff19ca1214b7966684033a58814",
    "split": "test",
    "subset": "default",
    "languages": ["eng-Latn"],
    "main_score": "ndcg_at_10",
    "mteb_version": "2.26.24",
}
COLUMNS = "task origin embedding metric value ci_low ci_high n primary encode_seconds fit_seconds".split()
BOARD = pd.DataFrame(
    [
        ("search", "task", "task.bm25", "ndcg@10", 0.31, 0.28, 0.34, 323, True, 1.5, 0.5),
        ("search", "task", "task.bm25", "recall@100", 0.25, 0.2, 0.3, 323, False, 1.5, 0.5),
        ("search", "task", "task.bm25", "map", 0.14, 0.1, 0.2, 323, False, 1.5, 0.5),
        ("search", "control", "control.random_16", "ndcg@10", 0.01, 0.0, 0.02, 323, True, 0.1, float("nan")),
        ("other", "task", "task.bm25", "accuracy", 0.9, 0.8, 1.0, 50, True, 0.1, 0.1),
    ],
    columns=COLUMNS,
).assign(use_case="shop")


def test_a_file_has_the_scores_under_the_names_of_mteb(tmp_path: Path) -> None:
    (path,) = write_mteb_results(BOARD, Scored("search", "retrieval", ABOUT), tmp_path)
    assert path == tmp_path / "results" / "emb_pipeline__task.bm25" / "shop" / "NFCorpus.json"
    written = json.loads(path.read_text())
    (of_subset,) = written["scores"]["test"]
    assert {name: of_subset[name] for name in ("main_score", "ndcg_at_10", "recall_at_100")} == {
        "main_score": 0.31,
        "ndcg_at_10": 0.31,
        "recall_at_100": 0.25,
    }
    assert "map" not in of_subset and written["evaluation_time"] == 2.0
    assert of_subset["emb_pipeline"]["interval"] == [0.28, 0.34] and "compare" in of_subset["emb_pipeline"]["protocol"]


def test_a_task_without_its_main_score_is_left_out(tmp_path: Path) -> None:
    about = {**ABOUT, "main_score": "ndcg_at_100"}
    assert write_mteb_results(BOARD, Scored("search", "retrieval", about), tmp_path) == []


def test_every_name_of_ours_is_a_metric_of_a_kind_that_reads_the_type() -> None:
    for type_of_task, names in NAMES.items():
        kinds = [
            kind for kind in KINDS.values() if all(any(metric.covers(ours) for metric in kind.metrics) for ours in names)
        ]
        assert kinds, type_of_task


@pytest.mark.slow
def test_mteb_reads_what_was_written(tmp_path: Path) -> None:
    mteb = pytest.importorskip("mteb")
    (path,) = write_mteb_results(BOARD, Scored("search", "retrieval", ABOUT), tmp_path)
    result = mteb.results.TaskResult.from_disk(path)
    assert result.get_score() == 0.31 and result.task_name == "NFCorpus" and result.languages == ["eng"]
    found = mteb.ResultCache(tmp_path).load_results(require_model_meta=False, validate_and_filter=True)
    (model,) = found.model_results
    assert [each.get_score() for each in model.task_results] == [0.31]
