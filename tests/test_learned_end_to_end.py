"""Learned sparse vectors and late interaction in a real Kedro session on a tiny use case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emb_pipeline.embeddings.registry import METHODS
from emb_pipeline.experiment.expand import expand_grid
from tests.embeddings.learned.tiny_models import save_inference_free, save_late_interaction
from tests.test_end_to_end import newest
from tests.test_small_grids import _run


def _list_pretrained(sparse: str, tokens: str) -> dict[str, Any]:
    return {
        "splade": {"method": "learned_sparse", "options": {"path": sparse}},
        "colbert": {"method": "late_interaction", "options": {"path": tokens}},
    }


@pytest.mark.slow
def test_both_are_evaluated_fused_and_timed(project: Path, tmp_path: Path) -> None:
    pretrained = _list_pretrained(str(save_inference_free(tmp_path / "free")), str(save_late_interaction(tmp_path / "late")))
    derived = {"task.fused": {"method": "fusion", "of": ["pretrained.colbert", "pretrained.splade", "task.bm25"]}}
    grid = {"baselines": ["bm25"], "pretrained": pretrained, "derived": derived, "tasks": ["search"]}
    board = _run(project, grid).query("metric == 'ndcg@10'").set_index("embedding")
    splade, colbert = "pretrained.splade", "pretrained.colbert"
    assert set(board.index) == {splade, colbert, "task.bm25", "task.fused"}
    details = {name: _read_details(project, name) for name in ("splade", "colbert")}
    weights = details["splade"]["weights_per_passage"]
    assert 0 < details["splade"]["weights_per_query"] < weights
    assert board.loc[splade, "bytes_per_item"] == pytest.approx(8 * weights + 4, abs=0.1)
    vectors = details["colbert"]["vectors_per_passage"]
    assert board.loc[colbert, "bytes_per_item"] == pytest.approx(4 * 8 * vectors + 8, abs=0.3)
    assert details["splade"]["similarity"] == "dot" and details["colbert"]["token_vectors"] == "as the model was trained"
    times = newest(project, "request_times").set_index("embedding")
    assert times.loc[[splade, colbert, "task.fused"], "processor_ms_p50"].gt(0).all()


def _read_details(project: Path, key: str) -> dict[str, Any]:
    record = project / "data" / "07_model_output" / "tiny" / "pretrained" / key / "search" / "metrics.json"
    found: dict[str, Any] = json.loads(record.read_text())["details"]
    return found


@pytest.mark.parametrize("name", ["splade", "colbert"])
def test_either_can_be_tuned_but_is_no_encoder_that_others_are_made_of(name: str) -> None:
    grid = {"corpora": [], "pretrained": _list_pretrained("a", "b"), "tasks": ["search"]}
    tuned = {**grid, "fine_tune": [{"base": f"pretrained.{name}", "tasks": ["search"]}]}
    assert f"{name}_tuned_search" in expand_grid(tuned, {method: {} for method in METHODS})["pretrained"]
    distilled = {**grid, "derived": {"pretrained.small": {"method": "distilled", "of": f"pretrained.{name}"}}}
    with pytest.raises(ValueError, match=f"pretrained.{name}"):
        expand_grid(distilled, {method: {} for method in METHODS})
