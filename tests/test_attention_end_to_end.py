"""Attention as an axis of the own BERT, in a real Kedro session on a tiny use case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.test_end_to_end import newest
from tests.test_small_grids import _page, _run

BERT = {"layers": 1, "heads": 2, "vocabulary": 300, "max_length": 32, "batch_size": 8, "max_tokens": 4_000}


@pytest.mark.slow
def test_kinds_of_attention_are_trained_evaluated_and_compared_with_the_whole_text(project: Path) -> None:
    axes = {"bert": {"attention": ["full", "causal", "window"]}}
    grid = {"corpora": ["domain"], "methods": {"bert": [16]}, "baselines": ["tfidf"], "axes": axes, "tasks": ["topic"]}
    board = _run(project, grid, methods={"bert": {**BERT, "attention_window": 3}}).query("metric == 'accuracy'")
    whole = "domain.bert_16"
    others = {f"{whole}_attention_causal", f"{whole}_attention_window"}
    assert set(board["embedding"]) == {whole, *others, "task.tfidf"}
    effects = newest(project, "effects")
    pairs = set(zip(effects["embedding_a"], effects["embedding_b"], strict=True))
    assert {(other, whole) for other in others} <= pairs
    page = _page(project)
    assert "attention causal" in page and "attention window" in page
    configs = {
        found.parents[2].name: json.loads(found.read_text())
        for found in (project / "data/06_models/tiny").rglob("model/config.json")
    }
    assert [configs[name]["attention_window"] for name in sorted(configs)] == [None, None, 3]
    assert [configs[name]["is_decoder"] for name in sorted(configs)] == [False, True, False]
