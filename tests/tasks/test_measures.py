"""Embeddings whose maker compares vectors by another measure than the cosine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

from emb_pipeline.datasets.milvus import MilvusVectorStoreDataset
from emb_pipeline.efficiency.options import VectorSearchOptions
from emb_pipeline.embeddings.compress.options import ReducedOptions
from emb_pipeline.embeddings.compress.reduced import Reduced
from emb_pipeline.embeddings.encodings.store import StoredEncoder
from emb_pipeline.embeddings.encodings.vectors import prepare_for_search, score_pairs
from emb_pipeline.embeddings.protocols import Similarity, similarity_of
from emb_pipeline.embeddings.retrieval.exact_search import find_top_k
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.tasks.metrics.rankings import ndcg
from emb_pipeline.tasks.options import EvaluationOptions
from emb_pipeline.tasks.retrieval.evaluate import evaluate_retrieval
from emb_pipeline.tasks.retrieval.export import TextSearch
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.retrieval.vector_search import SearchCosts
from emb_pipeline.tasks.similarity.evaluate import evaluate_similarity
from emb_pipeline.tasks.similarity.task import SimilarityTask
from emb_pipeline.text.texts import Texts
from tests.tasks.conftest import WordEncoder

QUERIES = [f"q{number}" for number in range(6)]
PASSAGES = [f"p{number} p{number // 3}" for number in range(30)]
WITH_FLAT = {"indexes": [{"index": "FLAT"}], "queries": 6, "requests": 2}


class MeasuredEncoder(WordEncoder):
    """Random vectors of very different lengths, which their maker compares by a measure."""

    def __init__(self, similarity: Similarity, size: float = 1.0) -> None:
        super().__init__()
        self.similarity, self._size = similarity, size

    def encode(self, texts: Any, role: str = "text") -> np.ndarray:
        stretched = [self._size * (1 + len(text) + 5 * (hash_of(text) % 3)) for text in texts]
        return super().encode(texts) * np.array(stretched, dtype=np.float32)[:, None]

    def fingerprint(self, role: str = "text") -> str:
        return f"measured by {self.similarity}"


def hash_of(text: str) -> int:
    return sum(map(ord, text))


def scores_of(encoder: MeasuredEncoder, queries: list[str], passages: list[str]) -> np.ndarray:
    a, b = (encoder.encode(texts).astype(np.float64) for texts in (queries, passages))
    if encoder.similarity == "dot":
        return a @ b.T
    return -cdist(a, b, {"euclidean": "euclidean", "manhattan": "cityblock", "cosine": "cosine"}[encoder.similarity])


@pytest.fixture
def task() -> RetrievalTask:
    qrels = sp.csr_array((np.arange(180).reshape(6, 30) % 7 == 0).astype(np.float32))
    names = np.array(QUERIES), np.array([text.split()[0] for text in PASSAGES])
    return RetrievalTask("find", names[0], Texts(QUERIES), names[1], Texts(PASSAGES), qrels)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
@pytest.mark.parametrize("size", [1.0, 1e-4, 1e4])
def test_passages_are_ranked_by_the_measure_whatever_the_size_of_the_vectors(
    similarity: Similarity, size: float, task: RetrievalTask
) -> None:
    encoder = MeasuredEncoder(similarity, size)
    ranked = np.argsort(-scores_of(encoder, QUERIES, PASSAGES), axis=1)
    queries, passages = encoder.encode(QUERIES), encoder.encode(PASSAGES)
    np.testing.assert_array_equal(find_top_k(*prepare_for_search(queries, passages, encoder), 30), ranked)
    grades = np.take_along_axis(task.qrels.toarray(), ranked, axis=1)
    expected = ndcg(grades[:, :10], task.qrels, 10).mean()
    options = RetrievalOptions(latency_requests=0)
    assert evaluate_retrieval(task, encoder, options).metrics["ndcg@10"] == pytest.approx(expected)
    everything = task.qrels.toarray() + 1
    judged = replace(task, qrels=sp.csr_array(everything), judged=sp.csr_array(np.ones_like(everything)))
    expected = ndcg(np.take_along_axis(everything, ranked, axis=1)[:, :10], judged.qrels, 10).mean()
    of_judged = evaluate_retrieval(judged, encoder, options.model_copy(update={"rank": "judged"}))
    assert of_judged.metrics["ndcg@10"] == pytest.approx(expected)


def test_measures_disagree_on_these_vectors(task: RetrievalTask) -> None:
    found = [
        evaluate_retrieval(task, MeasuredEncoder(similarity), RetrievalOptions(latency_requests=0)).metrics["ndcg@10"]
        for similarity in ("cosine", "dot", "euclidean")
    ]
    assert len(set(np.round(found, 3))) == 3


def test_sparse_vectors_are_ranked_by_their_dot_product() -> None:
    dense = MeasuredEncoder("dot").encode(PASSAGES) * (np.arange(8) < 4)
    queries = sp.csr_array(dense[:5])
    found = find_top_k(*prepare_for_search(queries, sp.csr_array(dense), MeasuredEncoder("dot")), 3)
    np.testing.assert_array_equal(found, np.argsort(-(dense[:5] @ dense.T), axis=1)[:, :3])


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean", "manhattan"])
def test_pairs_are_scored_by_the_measure(similarity: Similarity) -> None:
    encoder = MeasuredEncoder(similarity)
    first, second, scores = np.arange(12), np.arange(1, 13), np.arange(12) % 5
    task = SimilarityTask("alike", first.astype(str), Texts(PASSAGES), first, second, scores.astype(np.float64))
    expected = scores_of(encoder, PASSAGES, PASSAGES)[first, second]
    vectors = encoder.encode(PASSAGES)
    offset = 1 if similarity == "cosine" else 0  # scipy's is a distance
    np.testing.assert_allclose(score_pairs(vectors[first], vectors[second], similarity), expected + offset, rtol=1e-4)
    found = evaluate_similarity(task, encoder, EvaluationOptions(), seed=0)
    assert found.metrics["spearman"] == pytest.approx(spearmanr(expected, scores).statistic, abs=1e-6)


def test_what_no_dot_product_ranks_by_is_refused_and_the_way_out_works(task: RetrievalTask) -> None:
    with pytest.raises(DataError, match=r"similarity: manhattan: passages are searched by .* set similarity: cosine or dot"):
        evaluate_retrieval(task, MeasuredEncoder("manhattan"), RetrievalOptions(latency_requests=0))
    evaluate_retrieval(task, MeasuredEncoder("dot"), RetrievalOptions(latency_requests=0))


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_a_bundle_finds_what_the_evaluation_found_and_names_its_scores(similarity: Similarity, task: RetrievalTask) -> None:
    encoder = MeasuredEncoder(similarity)
    found = TextSearch.fit(task, encoder, RetrievalOptions(), seed=0).answer(QUERIES, k=30)
    expected = scores_of(encoder, QUERIES, PASSAGES)
    assert "cosine" not in found and (found["rank"].to_numpy().reshape(6, 30) == np.arange(1, 31)).all()
    np.testing.assert_allclose(found[similarity].to_numpy().reshape(6, 30), -np.sort(-expected, axis=1), rtol=1e-4)
    assert found["passage_id"][0] == task.passage_ids[expected[0].argmax()]


@pytest.mark.slow
def test_milvus_compares_by_the_measure_and_keeps_it(task: RetrievalTask, tmp_path: Path) -> None:
    encoder = MeasuredEncoder("dot")
    dataset = MilvusVectorStoreDataset(collection="find", filepath=str(tmp_path / "vectors.db"))
    costs = SearchCosts(task, VectorSearchOptions.model_validate(WITH_FLAT), Resampling(resamples=50))
    with dataset.load() as store:
        rows = costs.of_indexes("measured", encoder, store)
        assert [row["recall"] for row in rows] == [1.0, 1.0] and rows[1]["in_store"]
    with dataset.load() as store:
        assert store.describe()["metric"] == "IP"
        hits = store.search(vector=encoder.encode(QUERIES)[0].tolist(), top_k=3)
        expected = scores_of(encoder, QUERIES, PASSAGES)[0]
        assert [hit["id"] for hit in hits] == [task.passage_ids[row] for row in np.argsort(-expected)[:3]]
        np.testing.assert_allclose([hit["distance"] for hit in hits], -np.sort(-expected)[:3], rtol=1e-4)
        with pytest.raises(DataError, match="compares by euclidean distance, and the collection in Milvus"):
            costs.of_indexes("measured", MeasuredEncoder("euclidean"), store)


def test_bits_are_scored_again_by_the_measure(task: RetrievalTask) -> None:
    options = VectorSearchOptions.model_validate({**WITH_FLAT, "indexes": [{"index": "HAMMING", "candidates": [30]}]})
    costs = SearchCosts(task, options, Resampling(resamples=50))
    for similarity in ("dot", "euclidean"):
        _, row = costs.of_indexes("measured", MeasuredEncoder(similarity), None)
        assert row["recall"] == 1.0 and row["loss"] == pytest.approx(0, abs=1e-9)


def test_fewer_dimensions_keep_the_measure_and_products_are_not_centered(tmp_path: Path) -> None:
    for similarity in ("cosine", "dot", "euclidean"):
        encoder = MeasuredEncoder(similarity)
        reduced = Reduced(ReducedOptions(dims=8), StoredEncoder(encoder, tmp_path)).fit(Texts(PASSAGES))
        assert similarity_of(reduced) == similarity
    vectors = MeasuredEncoder("dot").encode(PASSAGES)
    of_all = Reduced(ReducedOptions(dims=8), MeasuredEncoder("dot")).fit(Texts(PASSAGES)).encode(PASSAGES)
    np.testing.assert_allclose(of_all @ of_all.T, vectors @ vectors.T, rtol=1e-3, atol=1e-2)
