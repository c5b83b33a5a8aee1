"""Learned sparse vectors and late interaction in a real Kedro session on a tiny use case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

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


TRAINED: dict[str, Any] = {
    "derived": {
        "task.fused": {"method": "fusion", "of": ["pretrained.colbert", "pretrained.splade", "task.bm25"]},
        "domain.weighted": {"method": "learned_sparse", "start_from": "domain.bert_16"},
        "domain.tokens": {"method": "late_interaction", "start_from": "domain.bert_16"},
        "domain.reranked": {
            "method": "reranker",
            "of": "task.bm25",
            "start_from": "domain.bert_16",
            "options": {"depth": [5, 9]},
        },
    },
    "fine_tune": [
        {"base": f"domain.{key}", "tasks": ["search"]}
        for key in ("weighted", "tokens", "reranked_depth5", "reranked_depth9")
    ],
    "tasks": ["search"],
}
TUNED = [f"{tuning['base']}_tuned_search" for tuning in TRAINED["fine_tune"]]
QUICK = {"epochs": 2, "learning_rate": 1e-2}
METHOD_OPTIONS = {
    "bert": {"layers": 1, "heads": 2, "vocabulary": 300, "max_length": 32, "batch_size": 8, "max_tokens": 5_000},
    **dict.fromkeys(("fine_tuned_sparse", "fine_tuned_late_interaction", "fine_tuned_reranker"), QUICK),
}


@pytest.mark.slow
def test_all_are_trained_evaluated_fused_timed_and_reused(project: Path, tmp_path: Path) -> None:
    pretrained = _list_pretrained(str(save_inference_free(tmp_path / "free")), str(save_late_interaction(tmp_path / "late")))
    _split_queries(project)
    grid = {"corpora": ["domain"], "methods": {"bert": [16]}, "baselines": ["bm25"], "pretrained": pretrained, **TRAINED}
    board = _run(project, grid, methods=METHOD_OPTIONS).query("metric == 'ndcg@10'").set_index("embedding")
    splade, colbert = "pretrained.splade", "pretrained.colbert"
    assert set(board.index) == {splade, colbert, "domain.bert_16", "task.bm25", "task.fused", *TUNED}
    assert board.loc[TUNED, "value"].between(0, 1).all() and board.loc[TUNED, "train_seconds"].gt(0).all()
    assert board.loc["domain.weighted_tuned_search", "value"] > board.loc["domain.bert_16", "value"]
    _check_weights(project)
    details = {name: _read_details(project, name) for name in ("splade", "colbert")}
    weights = details["splade"]["weights_per_passage"]
    assert 0 < details["splade"]["weights_per_query"] < weights
    assert board.loc[splade, "bytes_per_item"] == pytest.approx(8 * weights + 4, abs=0.1)
    vectors = details["colbert"]["vectors_per_passage"]
    assert board.loc[colbert, "bytes_per_item"] == pytest.approx(4 * 8 * vectors + 8, abs=0.3)
    assert details["splade"]["similarity"] == "dot" and details["colbert"]["token_vectors"] == "as the model was trained"
    times = newest(project, "request_times").set_index("embedding")
    assert times.loc[[splade, colbert, "task.fused"], "processor_ms_p50"].gt(0).all()
    made = {path: path.stat().st_mtime_ns for path in (project / "data" / "06_models" / "tiny").rglob("*.safetensors")}
    _run(project, grid, only_missing=True, methods=METHOD_OPTIONS)
    assert made == {path: path.stat().st_mtime_ns for path in made}


def _split_queries(project: Path) -> None:
    """Leave every other query to training."""
    queries = project / "data" / "01_raw" / "tiny" / "queries.csv"
    header, *rows = queries.read_text().splitlines()
    split = [f"{row},{'test' if number % 2 else 'train'}" for number, row in enumerate(rows)]
    queries.write_text("\n".join([f"{header},part", *split]) + "\n")
    parameters = project / "conf" / "tiny" / "parameters_tiny.yml"
    options = yaml.safe_load(parameters.read_text())
    options["task_definitions"]["search"]["source"]["split"] = "part"
    parameters.write_text(yaml.safe_dump(options))


def _check_weights(project: Path) -> None:
    """Each training changed the weights that it started from; the rerankers of two depths share theirs."""
    for start in ("weighted", "tokens", "reranked_depth5"):
        found = [_read_weights(project, key) for key in (start, f"{start}_tuned_search")]
        same_names = found[0].keys() & found[1].keys()
        assert same_names and any(np.abs(found[0][name] - found[1][name]).max() > 1e-4 for name in same_names)
    assert not (project / "data" / "06_models" / "tiny" / "domain" / "reranked_depth9_tuned_search").exists()


def _read_weights(project: Path, key: str) -> dict[str, np.ndarray]:
    (folder,) = (project / "data" / "06_models" / "tiny" / "domain" / key).glob("*encoder")
    weights = load_file(folder / "model" / "model.safetensors")
    return {name.removeprefix("bert."): values for name, values in weights.items()}


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
