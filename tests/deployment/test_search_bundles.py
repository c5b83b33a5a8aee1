"""Retrievers of several stages as bundles: another process finds what the run found, in the same order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.deployment.export import describe_parts
from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.chunked import Chunked
from emb_pipeline.embeddings.retrieval.fusion import Fusion
from emb_pipeline.embeddings.retrieval.options import Bm25Options, ChunkedOptions, FusionOptions, RerankerOptions
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.embeddings.static.options import RandomOptions
from emb_pipeline.embeddings.static.random_vectors import build_random_encoder
from emb_pipeline.embeddings.stored_encoders import StoredEncoder
from emb_pipeline.tasks.retrieval.evaluate import evaluate_retrieval, score_ranking
from emb_pipeline.tasks.retrieval.export import TextSearch
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.texts import Texts

OPTIONS = RetrievalOptions(recall_cutoff=20)
ANSWER = """
import json, sys
from pathlib import Path
from emb_pipeline.deployment.bundle import Bundle
folder, queries = Path(sys.argv[1]), json.loads(sys.argv[2])
for each in sorted(folder.iterdir()):
    found = Bundle.read(each).model.answer(queries, k=20)
    print(json.dumps([each.name, found["query"].tolist(), found["passage_id"].tolist()]))
"""


def make_task() -> RetrievalTask:
    """Queries of a few words that their passages have among others; there are enough training queries to choose by."""
    rng = np.random.default_rng(3)
    words = ["a", "cat", "dog", "sat", "on", "the", "mat", "query", *(f"word{number}" for number in range(30))]
    passages = [" ".join(rng.choice(words, size=rng.integers(4, 14))) for _ in range(80)]
    queries = [" ".join(rng.choice(passage.split(), size=2)) for passage in passages]
    judged = sp.csr_array(np.eye(80, dtype=np.float32))
    ids = np.array([f"p{number}" for number in range(80)])
    return RetrievalTask(
        "search",
        np.array([f"q{number}" for number in range(20)]),
        Texts(queries[:20]),
        ids,
        Texts(passages),
        judged[:20],
        Texts(queries[20:]),
        judged[20:],
    )


def make_fusion() -> Fusion:
    return Fusion(FusionOptions(rule="weighted"), {"task.bm25": Bm25(), "task.tfidf": Tfidf(TfidfOptions())})


RETRIEVERS: dict[str, Callable[[], Any]] = {
    "bm25": Bm25,
    "bm25 by stems": lambda: Bm25(Bm25Options(variant="bm25+", stop_words="english", stem="english")),
    "fusion": make_fusion,
    "fusion of a fusion": lambda: Fusion(FusionOptions(), {"task.fused": make_fusion(), "task.bm25": Bm25()}),
    "chunks": lambda: Chunked(ChunkedOptions(by="tokens", size=4), make_fusion()),
    "vectors": lambda: Tfidf(TfidfOptions()),
}


def fit(retriever: Any, task: RetrievalTask) -> tuple[TextSearch, dict[str, np.ndarray]]:
    """What is exported, with the setting that the evaluation chose; and the scores of the evaluation."""
    found = evaluate_retrieval(task, retriever, OPTIONS)
    scores = found.item_scores.to_pandas().pivot_table(index="unit_id", columns="metric", values="value")
    search = TextSearch.fit(task, retriever, OPTIONS, seed=0, setting=found.details.get("setting"))
    return search, {str(metric): scores.loc[task.query_ids, metric].to_numpy() for metric in scores}


def rescore(queries: list[int], passage_ids: list[str], task: RetrievalTask) -> dict[str, np.ndarray]:
    """The scores of answers as rankings."""
    place = {name: number for number, name in enumerate(task.passage_ids.tolist())}
    ranked = np.array([place[name] for name in passage_ids]).reshape(len(task.queries), -1)
    assert queries == np.repeat(np.arange(len(task.queries)), ranked.shape[1]).tolist()
    return score_ranking(task, ranked, OPTIONS)


@pytest.mark.parametrize("name", RETRIEVERS)
def test_a_bundle_of_any_retriever_ranks_as_the_evaluation_did(name: str, tmp_path: Path) -> None:
    task = make_task()
    search, scores = fit(RETRIEVERS[name](), task)
    Bundle(search).write(tmp_path / "bundle")
    read: Any = Bundle.read(tmp_path / "bundle").model
    found, expected = (each.answer(list(task.queries), k=20) for each in (read, search))
    assert found.equals(expected)
    assert list(found)[3] == ("cosine" if name == "vectors" else "score") and found["rank"].max() == 20
    for metric, values in rescore(found["query"].tolist(), found["passage_id"].tolist(), task).items():
        np.testing.assert_allclose(values, scores[metric], err_msg=metric)
    assert 0.2 < scores["ndcg@10"].mean() < 1
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and file.suffix not in (".json", ".parquet", ".md")]


@pytest.mark.slow
def test_another_process_ranks_as_the_run_did(tiny_cross_encoder: Path, tmp_path: Path) -> None:
    task, options = make_task(), RerankerOptions(path=tiny_cross_encoder, depth=5)
    folder = factory.make_cross_encoder("reranker", options, tmp_path / "model")

    def rerank(inner: Any) -> Any:
        store = tmp_path / "store"
        return factory.build_encoder("reranker", options, artifact=folder, bases={"task.inner": inner}, encodings=store)

    retrievers = {"fused": make_fusion(), "reranked": rerank(make_fusion()), "chunks": RETRIEVERS["chunks"]()}
    scores = {}
    for name, retriever in retrievers.items():
        search, scores[name] = fit(retriever, task)
        Bundle(search).write(tmp_path / "bundles" / name)
    asked = json.dumps(list(task.queries))
    command = [sys.executable, "-c", ANSWER, str(tmp_path / "bundles"), asked]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert [name for name, _, _ in answers] == ["chunks", "fused", "reranked"]
    for name, queries, passage_ids in answers:
        for metric, values in rescore(queries, passage_ids, task).items():
            np.testing.assert_allclose(values, scores[name][metric], err_msg=f"{name}, {metric}")
    assert not np.array_equal(scores["fused"]["mrr@10"], scores["reranked"]["mrr@10"])
    assert not list((tmp_path / "bundles").rglob("*.pkl")) and not list((tmp_path / "bundles").rglob("*.bin"))


def test_a_text_without_a_known_word_is_answered_with_nothing() -> None:
    search, _ = fit(make_fusion(), make_task())
    found = search.answer(["cat mat", "unheard", None, ""], k=3)
    assert found["query"].tolist() == [0, 0, 0, 1, 2, 3] and found["rank"].tolist() == [1, 2, 3, 0, 0, 0]
    assert found["known"].tolist() == [True] * 3 + [False] * 3
    assert found["passage_id"].notna().tolist() == [True] * 3 + [False] * 3
    assert found["error"].notna().tolist() == [False] * 4 + [True, False]
    assert list(search.answer([])) == list(found)


def test_what_only_fills_the_list_up_has_no_score() -> None:
    found = TextSearch.fit(make_task(), Bm25(), OPTIONS, seed=0).answer("word7", k=80)
    with_word = sum("word7" in passage.split() for passage in make_task().passages)
    assert found["score"].notna().sum() == with_word < len(found) == 80


def test_a_retriever_with_a_control_is_not_exported(tmp_path: Path) -> None:
    parts = {"task.bm25": Bm25(), "control.random_8": build_random_encoder(RandomOptions(), dim=8, seed=0)}
    search = TextSearch.fit(make_task(), Fusion(FusionOptions(), parts), OPTIONS, seed=0)
    with pytest.raises(ValueError, match="random vectors are a control"):
        search.write(tmp_path)


def test_parts_are_described_each_once() -> None:
    bm25 = StoredEncoder("task.bm25", "bm25", Bm25Options(k1=2))
    fused = StoredEncoder(
        "task.fused", "fusion", FusionOptions(), bases=(bm25, StoredEncoder("task.tfidf", "tfidf", TfidfOptions()))
    )
    outer = StoredEncoder("task.outer", "fusion", FusionOptions(), bases=(fused, bm25))
    loaded: dict[str, Any] = {}
    outer.load(Path("nowhere"), loaded)
    parts = describe_parts(outer, loaded)
    assert [part["embedding"] for part in parts] == ["task.fused", "task.bm25", "task.tfidf"]
    assert parts[1] == {"embedding": "task.bm25", "method": "bm25", "options": {"k1": 2.0}}
