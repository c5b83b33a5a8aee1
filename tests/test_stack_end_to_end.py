"""Retrievers that are made of others, in real Kedro sessions on a tiny use case."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_end_to_end import newest
from tests.test_small_grids import _page, _run

FUSED = {
    "task.fused": {"method": "fusion", "of": ["task.bm25", "task.tfidf"]},
    "task.weighted": {"method": "fusion", "of": ["task.fused", "control.random_8"], "options": {"rule": "weighted"}},
}


@pytest.mark.slow
def test_a_fusion_and_a_fusion_of_it_are_evaluated_compared_and_timed(project: Path) -> None:
    grid = {"baselines": ["bm25", "tfidf"], "controls": ["random_8"], "derived": FUSED, "tasks": ["search"]}
    board = _run(project, grid).query("metric == 'ndcg@10'").set_index("embedding")
    assert set(board.index) == {"task.bm25", "task.tfidf", "control.random_8", "task.fused", "task.weighted"}
    assert board.loc["task.fused", "bases"] == "task.bm25, task.tfidf"
    assert board["value"].between(0, 1).all()
    times = newest(project, "request_times").set_index("embedding")
    assert set(times.index) == set(board.index)
    assert times["processor_ms_p50"].gt(0).all()
    assert times.loc["task.fused", "processor_ms_p50"] > times.loc["task.bm25", "processor_ms_p50"]
    page = _page(project)
    assert "against each of its parts" in page
