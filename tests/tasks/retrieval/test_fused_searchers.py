"""Weights of a fusion, and what its parts leave open, are chosen on queries that are not scored with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.fusion import Fusion
from emb_pipeline.embeddings.retrieval.hits import Hits
from emb_pipeline.embeddings.retrieval.options import Bm25Options, FusionOptions
from emb_pipeline.embeddings.retrieval.vector_searcher import VectorSearcher
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.tasks.retrieval.evaluate import create_retrieval_service, evaluate_retrieval
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.settings import N_FOLDS, deal_folds
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.texts import Texts
from tests.tasks.retrieval.test_tuned_searchers import misleading_task

OPTIONS = RetrievalOptions(latency_requests=3)
WEIGHTED = FusionOptions(rule="weighted")


@dataclass
class PerfectOnSome:
    """A searcher, and its index, that puts the passage of a query's own number first for these queries.

    For others it is put last, or at random.
    """

    queries: frozenset[str]
    puts_last: bool = True
    n_bytes = 0

    def index(self, passages: Sequence[str]) -> PerfectOnSome:
        self.n_passages = len(passages)
        return self

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        return self.search_scored(queries, k).passages

    def search_scored(self, queries: Sequence[str], k: int, among: sp.csr_array | None = None) -> Hits:
        rng = np.random.default_rng(len(self.queries))
        scores = rng.random((len(queries), self.n_passages))
        for row, query in enumerate(queries):
            if query in self.queries or self.puts_last:
                scores[row, int(query.split()[-1])] = 4.0 if query in self.queries else -1.0
        order = np.argsort(-scores, axis=1)[:, :k]
        return Hits(order, np.take_along_axis(scores, order, axis=1))


def numbered_task(n: int = 60) -> RetrievalTask:
    return RetrievalTask(
        "search",
        np.array([f"q{number}" for number in range(n)]),
        Texts([f"query {number}" for number in range(n)]),
        np.array([f"p{number}" for number in range(n)]),
        Texts([f"passage {number}" for number in range(n)]),
        sp.csr_array(np.eye(n, dtype=np.float32)),
    )


def test_no_query_has_a_say_in_the_weights_that_it_is_scored_with() -> None:
    """One retriever is perfect on one fold alone, the other on a few queries of each other fold.

    All queries together would choose the first, and gain. Folds that choose for each other gain nothing from either.
    """
    task = numbered_task()
    folds = deal_folds(task.queries, np.arange(60))
    of_fold = [query for query, fold in zip(task.queries, folds.tolist(), strict=True) if fold == 0]
    others = [query for query, fold in zip(task.queries, folds.tolist(), strict=True) if fold != 0]
    parts = {"task.one": PerfectOnSome(frozenset(of_fold)), "task.few": PerfectOnSome(frozenset(others[:8]))}
    alone = evaluate_retrieval(task, parts["task.one"], OPTIONS).metrics["ndcg@10"]
    made = evaluate_retrieval(task, Fusion(WEIGHTED, parts), OPTIONS)
    assert alone == pytest.approx(12 / 60)
    assert made.details["setting"]["task.one weight"] > 0.5  # for queries to come
    assert made.metrics["ndcg@10"] < 0.1


def test_two_halves_that_need_both_retrievers_are_fused() -> None:
    task = numbered_task()
    half = frozenset(list(task.queries)[::2])
    parts = {"task.one": PerfectOnSome(half, False), "task.other": PerfectOnSome(frozenset(task.queries) - half, False)}
    alone = [evaluate_retrieval(task, part, OPTIONS).metrics["ndcg@10"] for part in parts.values()]
    fused = evaluate_retrieval(task, Fusion(WEIGHTED, parts), OPTIONS).metrics["ndcg@10"]
    assert max(alone) < 0.6
    assert fused > max(alone) + 0.2


def test_the_parts_settings_are_chosen_before_the_weights_and_by_the_same_queries() -> None:
    task = misleading_task()
    parts = {"task.bm25": Bm25(), "task.tfidf": VectorSearcher(Tfidf(TfidfOptions()))}
    made = evaluate_retrieval(task, Fusion(WEIGHTED, parts), OPTIONS)
    assert made.details["settings_tried"] == 20 + 11
    assert set(made.details["setting"]) == {"task.bm25 k1", "task.bm25 b", "task.bm25 weight", "task.tfidf weight"}
    alone = evaluate_retrieval(task, Bm25(), OPTIONS)
    assert made.details["setting"]["task.bm25 b"] == alone.details["setting"]["b"]
    assert made.metrics["ndcg@10"] > 0.95
    assert sum(each["n_queries"] for each in made.details["settings_of_queries"]) == len(task.queries)
    assert made.bytes_per_item > alone.bytes_per_item


def test_a_fusion_of_a_fusion_names_each_choice_by_its_way() -> None:
    bases = {"task.bm25": Bm25(Bm25Options(b=0.75)), "task.tfidf": VectorSearcher(Tfidf(TfidfOptions()))}
    outer = Fusion(
        WEIGHTED, {"task.both": Fusion(FusionOptions(), bases), "task.bm25_usual": Bm25(Bm25Options(k1=1.5, b=0.75))}
    )
    made = evaluate_retrieval(misleading_task(), outer, OPTIONS)
    assert {"task.both task.bm25 k1", "task.both weight", "task.bm25_usual weight"} <= set(made.details["setting"])
    assert made.details["settings_tried"] == 4 + 11


def test_training_queries_choose_all_of_it_where_there_are_enough() -> None:
    parts = {"task.bm25": Bm25(), "task.tfidf": VectorSearcher(Tfidf(TfidfOptions()))}
    made = evaluate_retrieval(misleading_task(n=10, n_training=50), Fusion(WEIGHTED, parts), OPTIONS)
    assert made.details["chosen_on"] == "training queries"
    assert made.metrics["ndcg@10"] > 0.95


def test_nothing_is_chosen_for_reciprocal_ranks_of_parts_that_leave_nothing_open() -> None:
    parts = {"task.bm25": Bm25(Bm25Options(k1=1.5, b=0.75)), "task.tfidf": VectorSearcher(Tfidf(TfidfOptions()))}
    made = evaluate_retrieval(misleading_task(), Fusion(FusionOptions(), parts), OPTIONS)
    assert "setting" not in made.details and made.tune_seconds == 0


def test_judged_passages_are_ranked_among_themselves() -> None:
    task = misleading_task()
    judged = sp.csr_array(task.qrels > 0) + sp.csr_array(
        ([True] * 40, (np.arange(40), 50 + np.arange(40))), task.qrels.shape
    )
    parts = {"task.bm25": Bm25(), "task.tfidf": VectorSearcher(Tfidf(TfidfOptions()))}
    options = RetrievalOptions(rank="judged", latency_requests=0)
    made = evaluate_retrieval(replace(task, judged=sp.csr_array(judged)), Fusion(WEIGHTED, parts), options)
    assert made.metrics["map"] > 0.9 and set(made.metrics) == {"ndcg@10", "map", "mrr"}


class CountingEncoder:
    """An encoder that keeps what it has encoded, and counts what it encodes anew."""

    dim = 4

    def __init__(self, counts: list[int]) -> None:
        self.counts = counts

    def encode(self, texts: Sequence[str], role: Any = "text") -> np.ndarray:
        rng = np.random.default_rng(0)
        return rng.random((len(texts), 4)).astype(np.float32)

    @property
    def unstored(self) -> Any:
        counts = self.counts

        class Unstored:
            dim = 4

            def encode(self, texts: Sequence[str], role: Any = "text") -> np.ndarray:
                counts.append(len(texts))
                return np.ones((len(texts), 4), dtype=np.float32)

        return Unstored()


def test_a_request_encodes_its_query_anew_and_takes_the_setting_that_was_chosen() -> None:
    counts: list[int] = []
    fusion = Fusion(WEIGHTED, {"task.bm25": Bm25(), "task.vectors": VectorSearcher(CountingEncoder(counts))})
    setting = {"task.bm25 k1": 1.5, "task.bm25 b": 1.0, "task.bm25 weight": 1.0, "task.vectors weight": 0.0}
    service = create_retrieval_service(misleading_task(), fusion, OPTIONS, setting)
    assert [int(service.answer(query)[0][0]) for query in service.requests] == [0, 1, 2]
    assert counts == [1, 1, 1]


def test_folds_are_as_many_as_the_weights_are_chosen_for() -> None:
    task = numbered_task()
    half = frozenset(list(task.queries)[::2])
    parts = {"task.one": PerfectOnSome(half), "task.other": PerfectOnSome(frozenset())}
    made = evaluate_retrieval(task, Fusion(WEIGHTED, parts), OPTIONS)
    assert len(made.details["settings_of_queries"]) <= N_FOLDS


def test_a_searcher_without_scores_is_no_part_of_a_fusion() -> None:
    class Unscored:
        n_bytes = 0

        def index(self, passages: Sequence[str]) -> Any:
            return self

        def search(self, queries: Sequence[str], k: int) -> np.ndarray:
            return np.zeros((len(queries), k), dtype=np.int64)

    with pytest.raises(ValueError, match=r"task\.other gives no scores"):
        Fusion(FusionOptions(), {"task.bm25": Bm25(), "task.other": Unscored()}).index(["one", "two"])
