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


@pytest.mark.slow
def test_a_window_and_a_precision_are_trained_evaluated_and_compared_with_what_they_come_from(project: Path) -> None:
    axes = {"word2vec": {"window": [2, 5], "precision": ["int8"]}, "bm25": {"variant": ["atire"]}}
    grid = {"corpora": ["domain"], "methods": {"word2vec": [8]}, "baselines": ["bm25"], "axes": axes, "tasks": ["search"]}
    board = _run(project, grid).query("metric == 'ndcg@10'").set_index("embedding")
    wide, narrow = "domain.word2vec_8", "domain.word2vec_8_window2"
    made = {wide, f"{wide}_precision_int8", narrow, f"{narrow}_precision_int8", "task.bm25", "task.bm25_variant_atire"}
    assert set(board.index) == made
    assert board.loc[narrow, ["base", "derivation"]].tolist() == [wide, "variant"]
    assert board.loc[f"{narrow}_precision_int8", "base"] == narrow
    lengths = board["bytes_per_item"]
    assert lengths[f"{narrow}_precision_int8"] < lengths[narrow] == lengths[wide]
    assert "with other options" in _page(project)
