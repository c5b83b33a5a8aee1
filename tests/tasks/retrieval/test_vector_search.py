"""Searches for the passages of a task, exact and by index, and what they lose of its score."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.efficiency.options import VectorSearchOptions
from emb_pipeline.efficiency.vector_search import Product
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.retrieval.vector_search import SEARCHES, SearchCosts
from emb_pipeline.text.texts import Texts
from tests.tasks.conftest import WordEncoder

WORDS = [f"w{number}" for number in range(40)]


class Blind:
    """An exact collection that, with few lists, does not see the first passages."""

    def __init__(self, rises: bool = True) -> None:
        self.rises, self.built = rises, list[tuple[str, dict[str, Any]]]()

    def replace(
        self,
        ids: Sequence[str],
        vectors: np.ndarray,
        properties: Sequence[Mapping[str, Any]],
        product: Product = "cosine",
    ) -> None:
        self.ids, self.vectors, self.properties = list(ids), vectors, list(properties)

    def build_index(self, index_type: str, params: Mapping[str, Any]) -> None:
        self.built.append((index_type, dict(params)))

    def find_nearest(self, vectors: np.ndarray, k: int, params: Mapping[str, Any], filters: str = "") -> list[list[str]]:
        unseen = 10 if params.get("nprobe", 9) < 5 or (not self.rises and params) else 0
        kept = [row for row in range(unseen, len(self.ids)) if not filters or self.properties[row]["drawn"]]
        best = np.argsort(-(vectors @ self.vectors[kept].T), axis=1, kind="stable")[:, :k]
        return [[self.ids[kept[row]] for row in rows] for rows in best]

    def index_bytes(self) -> int | None:
        return None


@pytest.fixture
def task() -> RetrievalTask:
    """Forty passages of a word each; the query of a word wants the passage that holds it."""
    qrels = sp.csr_array(sp.identity(40, format="csr", dtype=np.float32))
    names = np.array(WORDS)
    return RetrievalTask(
        "find", names, Texts(WORDS), np.char.add("p", names), Texts([f"{word} of" for word in WORDS]), qrels
    )


def options(**changes: Any) -> VectorSearchOptions:
    indexes = [{"index": "FLAT"}, {"index": "IVF_FLAT", "nlist": 8, "nprobe": [1, 8]}]
    return VectorSearchOptions.model_validate({"indexes": indexes, "nearest": 5, "requests": 4, **changes})


def test_what_an_index_does_not_find_is_taken_off_the_tasks_own_score(task: RetrievalTask, words: WordEncoder) -> None:
    rows = SearchCosts(task, options(), Resampling()).of_indexes("domain.words_8", words, Blind())
    assert [(row["index"], row.get("setting")) for row in rows] == [
        ("exact", None),
        ("FLAT", None),
        ("IVF_FLAT", 1),
        ("IVF_FLAT", 8),
    ]
    assert all(set(row) <= set(SEARCHES) for row in rows)
    exact, flat, few, all_lists = rows
    assert exact["value"] == flat["value"] == all_lists["value"] > 0.9
    assert flat["loss"] == flat["ci_low"] == flat["ci_high"] == 0
    assert few["loss"] == pytest.approx(exact["value"] - few["value"])
    assert few["loss"] == pytest.approx(0.25, abs=0.04)  # ten of forty passages, each nearly always found first
    assert few["ci_low"] < few["loss"] < few["ci_high"]
    assert exact["recall"] == flat["recall"] == all_lists["recall"] == 1 > few["recall"]
    assert {row["items"] for row in rows} == {row["n"] for row in rows} == {40}
    assert exact["bytes_per_item"] == 8 * 4 and json.loads(few["build"]) == {"nlist": 8}


def test_the_collection_keeps_texts_and_the_recommended_index(task: RetrievalTask, words: WordEncoder) -> None:
    store = Blind()
    rows = SearchCosts(task, options(), Resampling()).of_indexes("domain.words_8", words, store)
    (best,) = (row for row in rows if row["recommended"])
    assert best["recall"] >= 0.95 and store.built[-1] == (best["index"], json.loads(best["build"]))
    assert store.ids[3] == "pw3" and store.properties[3]["text"] == "w3 of"
    assert sum(each["drawn"] for each in store.properties) == 5  # a tenth would be fewer than are to be found


def test_bits_stand_beside_the_store_and_each_has_its_recommendation(task: RetrievalTask, words: WordEncoder) -> None:
    indexes = [*({"index": index} for index in ("FLAT", "HNSW")), {"index": "HAMMING", "candidates": [5, 40]}]
    store = Blind()
    rows = SearchCosts(task, options(indexes=indexes), Resampling()).of_indexes("domain.words_8", words, store)
    exact, *_, few, all_passages = rows
    assert [row["in_store"] for row in rows] == [False, *[True] * 6, False, False]
    assert all_passages["recall"] == 1 > few["recall"] and all_passages["fault"] is None
    assert all_passages["value"] == exact["value"] and all_passages["loss"] == 0 < few["loss"]
    assert (few["index_bytes"], few["bytes_per_item"]) == (40 * 1 + 8 * 4, 8 * 4)
    assert all_passages["filtered_recall"] == 1 and json.loads(few["build"]) == {"precision": "float32"}
    best = [row for row in rows if row["recommended"]]
    assert [row["in_store"] for row in best] == [True, False] and best[1]["setting"] == 40
    assert store.built[-1][0] == best[0]["index"]  # the store keeps its own, though bits are faster


def test_bits_need_no_store(task: RetrievalTask, words: WordEncoder) -> None:
    alone = options(indexes=[{"index": "HAMMING", "candidates": [5, 40]}])
    rows = SearchCosts(task, alone, Resampling()).of_indexes("domain.words_8", words, None)
    assert [(row["index"], row.get("setting")) for row in rows] == [("exact", None), ("HAMMING", 5), ("HAMMING", 40)]


def test_a_curve_that_does_not_rise_is_refused_and_not_recommended(task: RetrievalTask, words: WordEncoder) -> None:
    rows = SearchCosts(task, options(), Resampling()).of_indexes("domain.words_8", words, Blind(rises=False))
    faults = {row["index"]: row.get("fault") for row in rows}
    assert faults["FLAT"] is None and "whatever the search looks at" in faults["IVF_FLAT"]
    assert [row["index"] for row in rows if row["recommended"]] == ["FLAT"]


def test_nothing_is_recommended_where_nothing_finds_enough(task: RetrievalTask, words: WordEncoder) -> None:
    only = options(indexes=[{"index": "IVF_SQ8", "nlist": 8, "nprobe": [1]}])
    rows = SearchCosts(task, only, Resampling()).of_indexes("domain.words_8", words, Blind())
    assert not any(row["recommended"] for row in rows)


def test_exact_search_of_sparse_vectors_is_timed_and_finds_what_the_evaluation_finds(task: RetrievalTask) -> None:
    row = SearchCosts(task, options(), Resampling()).exact("task.tfidf", Tfidf(TfidfOptions()))
    assert row["value"] == 1 and row["recall"] == 1 and row["latency_ms_p50"] > 0
    assert row["bytes_per_item"] < row["dim"] * 4


def test_many_queries_are_drawn_from_and_all_settings_get_the_same(task: RetrievalTask, words: WordEncoder) -> None:
    rows = SearchCosts(task, options(queries=12), Resampling()).of_indexes("domain.words_8", words, Blind())
    assert {row["n"] for row in rows} == {12} and {row["items"] for row in rows} == {40}
    assert rows[0]["value"] == rows[1]["value"] > 0.9


def test_dense_and_sparse_vectors_are_told_apart(task: RetrievalTask, words: WordEncoder) -> None:
    costs = SearchCosts(task, options(), Resampling())
    assert costs.is_dense(words) and not costs.is_dense(Tfidf(TfidfOptions()))


def test_sparse_vectors_are_not_indexed(task: RetrievalTask) -> None:
    with pytest.raises(ValueError, match=r"task\.tfidf gives sparse vectors"):
        SearchCosts(task, options(), Resampling()).of_indexes("task.tfidf", Tfidf(TfidfOptions()), Blind())
