"""Retrievers that are made of others, in real Kedro sessions on a tiny use case."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from emb_pipeline.hooks.failed_cells import FailedCellsError
from emb_pipeline.storage.sealed_files import map_arrow
from tests.test_docs import follow, leaderboard
from tests.test_end_to_end import newest
from tests.test_small_grids import _page, _run

FUSED = {"task.fused": {"method": "fusion", "of": ["task.bm25", "task.tfidf"]}}


CHUNKS = {"task.chunks": {"method": "chunked", "of": "task.fused", "options": {"by": "tokens", "size": [3, 100]}}}


@pytest.mark.slow
def test_chunks_of_several_sizes_are_evaluated_compared_and_timed(project: Path) -> None:
    grid = {"baselines": ["bm25", "tfidf"], "controls": [], "derived": {**FUSED, **CHUNKS}}
    board = _run(project, {**grid, "tasks": ["search"]}).query("metric == 'ndcg@10'").set_index("embedding")
    assert board.loc["task.chunks_size100", "value"] == board.loc["task.fused", "value"]
    assert board.loc["task.chunks_size3", "bytes_per_item"] > board.loc["task.chunks_size100", "bytes_per_item"]
    times = newest(project, "request_times").set_index("embedding")
    assert times.loc["task.chunks_size3", "processor_ms_p50"] > 0
    assert "Passages found by their best chunk" in _page(project)


@pytest.mark.slow
def test_the_stack_is_built_chosen_and_deployed_by_following_the_page(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "conf/local/parameters.yml").write_text(
        "latency: {seconds: 0.05}\nreport: {resamples: 200, permutations: 199}\n"
    )
    follow("build-the-retrieval-stack.md", project)
    board = pd.DataFrame(leaderboard(project, "stack")).query("metric == 'ndcg@10'").set_index("embedding")
    tuned = "domain.reranked_tuned_help"
    assert set(board.index) == {"task.bm25", "task.tfidf", "task.words", "domain.bert_16", "control.random_16", tuned}
    assert board.loc["task.words", "bases"] == "task.bm25, task.tfidf"
    assert round(board.loc["task.words", "value"], 2) == 0.45 and round(board.loc[tuned, "value"], 2) == 1
    times = newest(project, "request_times", "stack").set_index("embedding")
    assert set(times.index) == set(board.index) and times["processor_ms_p50"].gt(0).all()
    milliseconds = times["processor_ms_p50"]
    assert milliseconds["task.bm25"] < milliseconds["task.words"] < milliseconds[tuned]
    page = _page(project, "stack")
    assert "against each of its parts" in page and "Retrievers made of others" in page
    card = (project / "data/08_reporting/stack/deployment/help/CARD.md").read_text()
    assert "`task.words task.tfidf weight` 0.7; chosen on training queries" in card
    assert "- part `task.words`: fusion (`fusion`), rule: `weighted`" in card and "- part `task.bm25`: BM25 (`bm25`)" in card

    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project / 'mlflow.db'}")
    served = mlflow.pyfunc.load_model("models:/stack.help/1").predict(pd.DataFrame({"text": ["my kettle is dead", None]}))
    assert served["passage_id"].tolist()[0] == "kettle_repair" and served["rank"].tolist() == [*range(1, 11), 0]
    assert served["score"].notna().tolist() == [True] * 4 + [False] * 7 and served["error"].notna().sum() == 1
    json.loads(served.to_json(orient="records"))


@pytest.mark.slow
def test_a_window_and_a_precision_are_trained_evaluated_and_compared_with_what_they_come_from(project: Path) -> None:
    pytest.importorskip("milvus_lite")
    axes = {"word2vec": {"window": [2, 5], "precision": ["int8"]}, "bm25": {"variant": ["atire"]}}
    baselines = ["bm25", "tfidf"]
    grid = {"corpora": ["domain"], "methods": {"word2vec": [8]}, "baselines": baselines, "axes": axes, "tasks": ["search"]}
    store = {
        "indexes": [],
        "words": ["task.bm25"],
        "sparse": ["task.tfidf"],
        "embeddings": ["domain.word2vec_8"],
        "beside": [],
    }
    board = _run(project, grid, vector_search=store).query("metric == 'ndcg@10'").set_index("embedding")
    wide, narrow = "domain.word2vec_8", "domain.word2vec_8_window2"
    made = {wide, f"{wide}_precision_int8", narrow, f"{narrow}_precision_int8"}
    assert set(board.index) == made | {"task.bm25", "task.bm25_variant_atire", "task.tfidf"}
    assert board.loc[narrow, ["base", "derivation"]].tolist() == [wide, "variant"]
    assert board.loc[f"{narrow}_precision_int8", "base"] == narrow
    lengths = board["bytes_per_item"]
    assert lengths[f"{narrow}_precision_int8"] < lengths[narrow] == lengths[wide]
    page = _page(project)
    assert "with other options" in page and "BM25 in Milvus takes" in page
    searches = newest(project, "vector_search")
    assert [*zip(searches["embedding"], searches["index"], strict=True)] == [
        (wide, "exact"),
        ("task.tfidf", "exact"),
        ("task.tfidf", "SPARSE"),
        ("task.bm25", "exact"),
        ("task.bm25", "BM25"),
        (wide, "HYBRID"),
    ]


@pytest.mark.slow
def test_rerankers_of_several_depths_are_evaluated_with_their_ceilings_and_a_broken_one_fails_alone(
    project: Path, tiny_cross_encoder: Path, tmp_path: Path
) -> None:
    broken = shutil.copytree(tiny_cross_encoder, tmp_path / "broken")
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps({**config, "hidden_size": 17}))
    reranked = {"method": "reranker", "of": "task.fused", "options": {"path": str(tiny_cross_encoder), "depth": [5, 20]}}
    derived = {
        **FUSED,
        "task.reranked": reranked,
        "task.broken": {"method": "reranker", "of": "task.bm25", "options": {"path": str(broken)}},
        "task.on_top": {"method": "fusion", "of": ["task.reranked_depth5", "task.broken"]},
    }
    with pytest.raises(FailedCellsError, match=r"task\.broken"):
        _run(project, {"baselines": ["bm25", "tfidf"], "derived": derived, "tasks": ["search"]})
    board = newest(project, "leaderboard").query("metric == 'ndcg@10'").dropna(subset="value").set_index("embedding")
    assert set(board.index) == {"task.bm25", "task.tfidf", "task.fused", "task.reranked_depth5", "task.reranked_depth20"}
    reranked = board.loc[["task.reranked_depth5", "task.reranked_depth20"]]
    assert reranked["pool_depth"].tolist() == [5, 20]
    assert reranked["pool_recall"].is_monotonic_increasing
    assert (reranked["value"] <= reranked["pool_ceiling"] + 1e-9).all()
    assert board.loc["task.fused", ["pool_depth", "pool_ceiling"]].isna().all()
    page = _page(project)
    assert "Retrievers made of others" in page and "reranked (reranked depth5) is " in page
    shards = list((project / "data").rglob("encodings/*/*.arrow"))
    assert 60 * 5 < sum(len(map_arrow(shard)) for shard in shards) <= 60 * 20  # pairs of depth 5 are among those of depth 20
