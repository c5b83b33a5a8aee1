from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from sklearn.metrics import average_precision_score, ndcg_score

from emb_pipeline.efficiency.latency import LatencyOptions, measure_requests
from emb_pipeline.embeddings.encodings.vectors import unit_length
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.exact_search import find_top_k
from emb_pipeline.embeddings.sparse.char_tfidf import CharTfidf
from emb_pipeline.embeddings.sparse.word_counts import Lsa, OneHot, Tfidf
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.metrics.rankings import average_precision, grades_of_ranks, ndcg, recall, reciprocal_rank
from emb_pipeline.tasks.retrieval.evaluate import create_retrieval_service, evaluate_retrieval
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.reader import RetrievalReader
from emb_pipeline.tasks.retrieval.sources import TablesSource
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.texts import Texts
from tests.tasks.conftest import EncoderPerFold, WordEncoder


def _task(grades: list[list[int]], queries: Sequence[str] = (), passages: Sequence[str] = ()) -> RetrievalTask:
    table = sp.csr_array(np.array(grades, dtype=np.float32))
    n_queries, n_passages = table.shape
    return RetrievalTask(
        "search",
        np.array([f"q{i}" for i in range(n_queries)]),
        Texts(queries or [f"query {i}" for i in range(n_queries)]),
        np.array([f"p{i}" for i in range(n_passages)]),
        Texts(passages or [f"passage {i}" for i in range(n_passages)]),
        table,
    )


OPTIONS = RetrievalOptions(latency_requests=0)


class FixedOrder:
    """A searcher, and its index, that gives passages in an order of our own."""

    def __init__(self, order: Sequence[Sequence[int]]) -> None:
        self.order = np.array(order)

    n_bytes = 40

    def index(self, passages: Sequence[str]) -> FixedOrder:
        return self

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        return self.order[: len(queries), :k]


def test_scores_of_a_small_ranking_are_those_worked_out_by_hand() -> None:
    """Grades by rank 0 2 1, ideal 2 1: DCG = 2/log2(3) + 1/log2(4) = 1.76186, ideal = 2 + 1/log2(3) = 2.63093."""
    task = _task([[1, 0, 2, 0]])
    evaluation = evaluate_retrieval(task, FixedOrder([[1, 2, 0, 3]]), RetrievalOptions(), seed=0)
    assert evaluation.metrics["ndcg@10"] == pytest.approx(1.76186 / 2.63093, abs=1e-5)
    assert evaluation.metrics["mrr@10"] == pytest.approx(1 / 2)
    assert evaluation.metrics["recall@100"] == 1.0
    assert evaluation.bytes_per_item == 40 / 4  # the index, over the passages
    assert evaluation.dim == 0


def test_what_lies_below_the_cutoff_does_not_count() -> None:
    grades = [[0] * 11 + [1, 0, 0]]
    order = [list(range(14))]  # the relevant passage has rank 12
    above, at = (
        evaluate_retrieval(
            _task(grades), FixedOrder(order), RetrievalOptions(recall_cutoff=rank, latency_requests=0), seed=0
        ).metrics
        for rank in (11, 12)
    )
    assert above == {"ndcg@10": 0.0, "mrr@10": 0.0, "recall@11": 0.0}
    assert at["recall@12"] == 1.0


def test_ndcg_is_scikit_learns_for_graded_relevance() -> None:
    rng = np.random.default_rng(0)
    relevance = rng.integers(0, 4, size=(20, 30)).astype(np.float32)
    scores = rng.random((20, 30))
    ranked = np.argsort(-scores, axis=1)[:, :10]
    qrels = sp.csr_array(relevance)
    ours = ndcg(grades_of_ranks(qrels, ranked), qrels, 10)
    theirs = [ndcg_score(relevance[[i]], scores[[i]], k=10) for i in range(20)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_recall_and_reciprocal_rank_by_hand() -> None:
    qrels = sp.csr_array(np.array([[1, 1, 0, 1], [0, 0, 2, 0]], dtype=np.float32))
    grades = grades_of_ranks(qrels, np.array([[2, 0], [0, 1]]))
    np.testing.assert_allclose(recall(grades, qrels), [1 / 3, 0])
    np.testing.assert_allclose(reciprocal_rank(grades), [1 / 2, 0])


@pytest.mark.parametrize("block_bytes", [1, 5_000, 1 << 28])
def test_blocks_do_not_change_what_is_found(block_bytes: int) -> None:
    rng = np.random.default_rng(0)
    queries, passages = (unit_length(rng.normal(size=(n, 16)).astype(np.float32)) for n in (30, 200))
    expected = np.argsort(-(queries @ passages.T), axis=1)[:, :7]
    np.testing.assert_array_equal(find_top_k(queries, passages, 7, block_bytes=block_bytes), expected)


def test_sparse_and_dense_vectors_find_the_same() -> None:
    rng = np.random.default_rng(0)
    queries, passages = ((rng.random((n, 40)) * (rng.random((n, 40)) < 0.2)).astype(np.float32) for n in (20, 90))
    dense = find_top_k(unit_length(queries), unit_length(passages), 10)
    sparse = find_top_k(unit_length(sp.csr_array(queries)), unit_length(sp.csr_array(passages)), 10)
    np.testing.assert_array_equal(dense, sparse)


def test_equal_scores_are_ranked_by_passage_order() -> None:
    passages = np.array([[1, 0], [0, 1], [1, 0], [1, 0], [0, 1]], dtype=np.float32)
    queries = np.array([[1, 0], [0, 0]], dtype=np.float32)
    assert find_top_k(queries, passages, 3).tolist() == [[0, 2, 3], [0, 1, 2]]
    assert find_top_k(queries, passages, 5).tolist() == [[0, 2, 3, 1, 4], [0, 1, 2, 3, 4]]


def test_more_passages_than_there_are_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="k is 3"):
        find_top_k(np.ones((1, 2)), np.ones((2, 2)), 3)


def test_cosine_ignores_length_and_zero_vectors_stay_zero() -> None:
    vectors = np.array([[3, 4], [0, 0]], dtype=np.float32)
    expected = [[0.6, 0.8], [0, 0]]
    np.testing.assert_allclose(unit_length(vectors), expected)
    np.testing.assert_allclose(unit_length(sp.csr_array(vectors)).toarray(), expected)


def test_an_encoder_finds_passages_with_the_query_words(words: WordEncoder) -> None:
    task = _task([[1, 0, 0], [0, 0, 1]], ["reef tide", "root worm"], ["tide reef", "cloud star", "worm root clay"])
    evaluation = evaluate_retrieval(task, words, RetrievalOptions(latency_requests=0), seed=0)
    assert evaluation.metrics["mrr@10"] == 1.0 and "latency_ms_p50" not in evaluation.metrics
    assert words.n_encoded == 5
    assert evaluation.item_scores.num_rows == 2 * 3


def test_the_time_of_a_request_is_that_of_encoding_and_searching(words: WordEncoder) -> None:
    class Slow(WordEncoder):
        def encode(self, texts: Sequence[str]) -> np.ndarray:
            time.sleep(0.002)
            return super().encode(texts)

    task = _task([[1, 0, 0]] * 3, ["wet", "dry", "sand"], ["wet sand", "dry sand", "moss"])
    service = create_retrieval_service(task, Slow(), RetrievalOptions(latency_requests=2), None)
    times = measure_requests(service.answer, service.requests, LatencyOptions())
    assert service.requests == ["wet", "dry"] and service.answer("wet").shape == (1, 3)
    assert 2 <= times.latency_ms_p50 <= times.latency_ms_p95 <= times.latency_ms_p99


def test_an_embedding_of_the_task_is_fitted_on_the_passages(per_fold: EncoderPerFold) -> None:
    evaluate_retrieval(_task([[1, 0]], ["a"], ["b", "c"]), per_fold, RetrievalOptions(), seed=0)
    assert per_fold.fitted_on == [["b", "c"]]


def test_a_query_without_a_relevant_passage_is_refused(words: WordEncoder) -> None:
    with pytest.raises(DataError, match="query q1: has no relevant passage"):
        evaluate_retrieval(_task([[1, 0], [0, 0]]), words, RetrievalOptions(), seed=0)


@pytest.mark.parametrize("order", [[[0, 0]], [[0, 7]], [[0]]])
def test_a_searcher_that_breaks_its_contract_is_refused(order: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="searcher"):
        evaluate_retrieval(_task([[1, 0]]), FixedOrder(order), RetrievalOptions(), seed=0)


def test_there_are_no_labels_to_shuffle(words: WordEncoder) -> None:
    with pytest.raises(ValueError, match="no labels to shuffle"):
        evaluate_retrieval(_task([[1]]), words, RetrievalOptions(), seed=0, shuffle_labels=True)


def _judged(grades: list[list[int | None]], **texts: Sequence[str]) -> RetrievalTask:
    """A task whose judgments are the numbers; None is not judged."""
    task = _task([[grade or 0 for grade in row] for row in grades], **texts)
    task.qrels.eliminate_zeros()
    judged = sp.csr_array(np.array([[grade is not None for grade in row] for row in grades]))
    return replace(task, judged=judged)


def test_judged_passages_alone_are_ranked_where_that_is_asked_for() -> None:
    """Order 4 1 0 3 2 without the unjudged 4: grades 0 1 0 2 at ranks 1 to 4: AP = (1/2 + 2/4) / 2, RR = 1/2."""
    task = _judged([[1, 0, 2, 0, None]])
    evaluation = evaluate_retrieval(task, FixedOrder([[4, 1, 0, 3, 2]]), RetrievalOptions(rank="judged"), seed=0)
    assert evaluation.metrics["map"] == pytest.approx(0.5)
    assert evaluation.metrics["mrr"] == pytest.approx(0.5)
    assert evaluation.metrics["ndcg@10"] == pytest.approx((1 / np.log2(3) + 2 / np.log2(5)) / (2 + 1 / np.log2(3)))
    assert set(evaluation.metrics) == {"ndcg@10", "map", "mrr"}


def test_average_precision_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    grades = rng.integers(0, 3, (40, 25)) * (rng.random((40, 25)) < 0.4)
    grades[:, 0] = 1
    scores = -np.arange(25.0)
    expected = [average_precision_score(row > 0, scores) for row in grades]
    np.testing.assert_allclose(average_precision(grades), expected)
    assert average_precision(np.array([[0, 0], [0, 1]])).tolist() == [0.0, 0.5]


@pytest.mark.parametrize("make", [Bm25, Tfidf, WordEncoder])
def test_every_kind_of_embedding_ranks_judged_passages(make: Callable[[], object]) -> None:
    texts = {"queries": ["cat sat", "dog ran"], "passages": ["cat sat", "cat sat here", "dog ran", "sun"]}
    evaluation = evaluate_retrieval(
        _judged([[None, 1, 0, 0], [0, None, 1, 0]], **texts), make(), RetrievalOptions(rank="judged")
    )
    assert evaluation.metrics["map"] == 1.0 and evaluation.item_scores.num_rows == 2 * 3


def test_irrelevant_judgments_are_read_as_judged() -> None:
    judgments = [("q0", "p0", 1), ("q0", "p1", 0), ("q1", "p1", 0), ("q1", "p2", 2)]
    task = RetrievalTask.from_tables(
        {
            "queries": pa.table({"query_id": ["q0", "q1"], "text": ["one", "two"]}),
            "passages": pa.table({"passage_id": ["p0", "p1", "p2"], "text": ["a", "b", "c"]}),
            "qrels": pa.table(dict(zip(("query_id", "passage_id", "relevance"), zip(*judgments, strict=True), strict=True))),
        }
    )
    assert task.judged is not None and task.judged.toarray().tolist() == [[1, 1, 0], [0, 1, 1]]
    assert task.qrels.toarray().tolist() == [[1, 0, 0], [0, 0, 2]] and task.qrels.nnz == 2


def _tables_of(raw: Path, passages: Sequence[tuple[str, str]], queries: Sequence[str]) -> dict[str, pa.Table]:
    """What ingest makes of a task whose passage ``p<i>`` answers query ``q<i>``, with the passages in this order."""
    written = {
        "q.csv": ["query_id,text", *(f"q{number},{text}" for number, text in enumerate(queries))],
        "p.csv": ["passage_id,text", *(f"{name},{text}" for name, text in passages)],
        "qrels.csv": ["query_id,passage_id,relevance", *(f"q{number},p{number},1" for number in range(len(queries)))],
    }
    for name, lines in written.items():
        (raw / name).write_text("\n".join(lines) + "\n")
    return RetrievalReader().read(TablesSource(queries="q.csv", passages="p.csv", qrels="qrels.csv"), raw, raw, "search")


class Nothing:
    """An embedding that knows no word."""

    dim = 3

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.zeros((len(texts), 3), dtype=np.float32)


@pytest.mark.parametrize("rank", ["all", "judged"])
@pytest.mark.parametrize(
    "make", [Bm25, Tfidf, OneHot, CharTfidf, lambda: Lsa(dim=3), WordEncoder, Nothing], ids=lambda make: make.__name__
)
def test_no_score_depends_on_the_order_of_the_passages(make: Callable[[], object], rank: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    words = ["reef", "tide", "wave", "cloud", "wind", "star", "clay", "root", "worm", "moss"]
    texts = [" ".join(rng.choice(words, 2)) for _ in range(60)]  # many passages of equal words, many of equal scores
    queries = [f"{rng.choice(words)} unknown{number}" for number in range(12)]
    passages = [(f"p{number}", text) for number, text in enumerate(texts)]
    shuffled = [passages[place] for place in rng.permutation(60)]
    found = []
    for order in (passages, passages[::-1], shuffled):
        task = RetrievalTask.from_tables(_tables_of(tmp_path, order, queries))
        found.append(evaluate_retrieval(task, make(), RetrievalOptions(rank=rank, latency_requests=0)))
    assert found[0].metrics == found[1].metrics == found[2].metrics
    assert found[0].item_scores.equals(found[1].item_scores) and found[0].item_scores.equals(found[2].item_scores)


def test_an_embedding_that_knows_nothing_scores_what_chance_does(tmp_path: Path) -> None:
    passages = [(f"p{number}", f"text number{number}") for number in range(40)]
    tables = _tables_of(tmp_path, passages, [f"query{number}" for number in range(40)])
    metrics = evaluate_retrieval(RetrievalTask.from_tables(tables), Nothing(), OPTIONS).metrics
    ranks = np.arange(1, 11)
    assert metrics["ndcg@10"] == pytest.approx((1 / np.log2(1 + ranks)).sum() / 40, abs=0.11)  # two standard errors
    assert metrics["mrr@10"] == pytest.approx((1 / ranks).sum() / 40, abs=0.09)
