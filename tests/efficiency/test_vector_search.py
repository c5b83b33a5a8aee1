"""Operating points of an index: recall, filters, and curves that are not to be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from emb_pipeline.efficiency.options import VectorSearchOptions
from emb_pipeline.efficiency.vector_search import (
    FILTER,
    INSIDE,
    Exact,
    Product,
    find_curve_fault,
    measure_operating_points,
    recall,
)

AXES = np.eye(4, dtype=np.float32)


class FirstOnes:
    """Looks at the first ``nprobe`` records of each ten alone, as an index that leaves things out."""

    def __init__(self) -> None:
        self.built: list[tuple[str, dict[str, Any]]] = []

    def replace(
        self,
        ids: Sequence[str],
        vectors: np.ndarray,
        properties: Sequence[Mapping[str, Any]],
        product: Product = "cosine",
    ) -> None:
        self.ids, self.vectors = list(ids), vectors
        self.drawn = np.array([each[FILTER] for each in properties])

    def build_index(self, index_type: str, params: Mapping[str, Any]) -> None:
        self.built.append((index_type, dict(params)))

    def find_nearest(self, vectors: np.ndarray, k: int, params: Mapping[str, Any], filters: str = "") -> list[list[str]]:
        seen = np.arange(len(self.ids)) % 10 < params.get("nprobe", 10)
        if filters == INSIDE:
            seen &= self.drawn
        scores = np.where(seen, vectors @ self.vectors.T, -np.inf)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return [[self.ids[row] for row in rows if np.isfinite(of[row])] for rows, of in zip(best, scores, strict=True)]

    def index_bytes(self) -> int | None:
        return 7


def test_recall_is_the_share_of_the_nearest_that_was_found() -> None:
    nearest = np.array([[0, 1]])
    passages = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8]], dtype=np.float32)
    query = np.array([[1, 0]], dtype=np.float32)
    assert recall(query, passages, np.array([[1, 0]]), nearest) == 1
    assert recall(query, passages, np.array([[0, 2]]), nearest) == 0.5
    assert recall(query, passages, np.array([[0, -1]]), nearest) == 0.5
    assert recall(query, passages, np.array([[-1, -1]]), nearest) == 0


def test_a_passage_as_near_as_the_last_one_counts_as_it() -> None:
    passages = np.concatenate([AXES, AXES])  # each passage twice: which copy is found is chance
    assert recall(AXES[:1], passages, np.array([[4]]), np.array([[0]])) == 1


def test_each_setting_of_each_index_is_measured_in_turn(numbers: np.random.Generator) -> None:
    collection, exact, ids = filled(numbers)
    options = VectorSearchOptions.model_validate(
        {"indexes": [{"index": "FLAT"}, {"index": "IVF_FLAT", "nlist": 10, "nprobe": [2, 5, 10]}], "requests": 3}
    )
    points = [point for point, _ in measure_operating_points(collection, ids, exact, options)]
    assert [(point["index"], point["setting"]) for point in points] == [
        ("FLAT", None),
        ("IVF_FLAT", 2),
        ("IVF_FLAT", 5),
        ("IVF_FLAT", 10),
    ]
    assert collection.built == [("FLAT", {}), ("IVF_FLAT", {"nlist": 10})]
    recalls = [point["recall"] for point in points]
    assert recalls[0] == recalls[3] == 1 and recalls[1] < recalls[2] < 1
    assert recalls[1] == pytest.approx(0.2, abs=0.1)  # a fifth of the records is looked at
    assert [point.get("filtered_recall") for point in points] == [1, None, None, 1]
    assert all(point["latency_ms_p50"] > 0 and point["queries_per_second"] > 0 for point in points)
    assert {point["index_bytes"] for point in points} == {7}


def test_bits_are_searched_without_a_collection(numbers: np.random.Generator) -> None:
    _, exact, ids = filled(numbers)
    options = VectorSearchOptions.model_validate(
        {
            "indexes": [{"index": "HAMMING", "candidates": [5, 40, 900]}, {"index": "HAMMING_SQ8", "candidates": [40]}],
            "nearest": 5,
            "requests": 3,
        }
    )
    points = [point for point, _ in measure_operating_points(None, ids, exact, options)]
    assert [(point["index"], point["parameter"], point["setting"]) for point in points] == [
        ("HAMMING", "candidates", 5),
        ("HAMMING", "candidates", 40),
        ("HAMMING", "candidates", 200),  # there are no more
        ("HAMMING_SQ8", "candidates", 40),
    ]
    recalls = [point["recall"] for point in points]
    assert recalls[0] < recalls[1] < recalls[2] == 1 and recalls[1] - 0.1 < recalls[3] < 1
    assert ["filtered_recall" in point for point in points] == [False, False, True, True]
    assert points[2]["filtered_recall"] == 1 > points[3]["filtered_recall"] > 0.5  # 40 of the hundred inside
    assert {point["index_bytes"] for point in points} == {200 * 1 + 6 * 4}
    assert [point["bytes_per_item"] for point in points] == [24, 24, 24, 6]
    assert not any(point["in_store"] for point in points)


def test_a_stores_index_without_a_store_is_refused(numbers: np.random.Generator) -> None:
    _, exact, ids = filled(numbers)
    options = VectorSearchOptions.model_validate({"indexes": [{"index": "FLAT"}]})
    with pytest.raises(ValueError, match="FLAT is an index of a vector store, and there is none"):
        next(measure_operating_points(None, ids, exact, options))


def test_what_a_filter_should_have_kept_out_is_not_counted(numbers: np.random.Generator) -> None:
    _, exact, _ = filled(numbers)
    everything = exact.nearest[:3]  # as if the filter had been forgotten
    inside = exact.inside[everything].mean()
    assert exact.recall_inside(everything) <= inside + 1e-9 < 1


@pytest.mark.parametrize(
    ("recalls", "whole", "fault"),
    [
        ([0.2, 0.6, 1.0], True, None),
        ([0.2, 0.6, 0.9], False, None),  # 8-bit integers do not find everything
        ([1.0], True, None),
        ([0.992, 0.991], False, None),  # all is found from the first setting on
        ([0.6, 0.595, 0.995], True, None),  # less than a hundredth is no fall
        ([0.2, 0.6, 0.4], False, "recall falls from 0.600 to 0.400 where the search looks at more"),
        ([0.7, 0.7, 0.7], False, "recall stays at 0.700 whatever the search looks at"),
        ([0.2, 0.6, 0.9], True, "recall ends at 0.900, though whole vectors are kept"),
    ],
)
def test_a_curve_that_does_not_follow_its_parameter_is_at_fault(
    recalls: list[float], whole: bool, fault: str | None
) -> None:
    assert find_curve_fault(recalls, keeps_whole_vectors=whole) == fault


def test_lists_are_no_more_than_vectors_and_not_looked_into_twice() -> None:
    (index,) = VectorSearchOptions.model_validate({"indexes": [{"index": "IVF_SQ8", "nprobe": [1, 16, 64]}]}).indexes
    assert index.build_params(1000) == {"nlist": 64} and index.build_params(16) == {"nlist": 16}
    assert index.list_settings(1000) == [("nprobe", 1), ("nprobe", 16), ("nprobe", 64)]
    assert index.list_settings(16) == [("nprobe", 1), ("nprobe", 16)]


@pytest.mark.parametrize(
    ("index", "n_items", "whole", "everything"),
    [
        ({"index": "HAMMING", "candidates": [10, 200]}, 201, True, False),
        ({"index": "HAMMING", "candidates": [10, 200]}, 200, True, True),
        ({"index": "HAMMING_FP16"}, 100, False, True),
        ({"index": "IVF_FLAT", "nlist": 64, "nprobe": [1, 8]}, 1000, True, False),
        ({"index": "IVF_FLAT", "nlist": 64, "nprobe": [1, 64]}, 1000, True, True),
        ({"index": "IVF_FLAT", "nlist": 64, "nprobe": [1, 8]}, 8, True, True),
        ({"index": "FLAT"}, 1000, True, True),
        ({"index": "HNSW"}, 1000, True, True),
    ],
)
def test_an_index_must_find_everything_where_it_looks_at_everything(
    index: dict[str, Any], n_items: int, whole: bool, everything: bool
) -> None:
    (made,) = VectorSearchOptions.model_validate({"indexes": [index]}).indexes
    assert (made.keeps_whole_vectors, made.is_exhaustive(n_items)) == (whole, everything)


def test_fewer_candidates_than_are_to_be_found_are_refused() -> None:
    indexes = [{"index": "HAMMING", "candidates": [5, 40]}]
    assert VectorSearchOptions.model_validate({"indexes": indexes, "nearest": 5}).nearest == 5
    with pytest.raises(ValidationError, match=r"HAMMING: among 5 candidates there are no 10 nearest; .*candidates of 10 or"):
        VectorSearchOptions.model_validate({"indexes": indexes})


def test_product_quantisation_takes_its_parameters() -> None:
    (index,) = VectorSearchOptions.model_validate({"indexes": [{"index": "IVF_PQ", "nlist": 8, "m": 4, "nbits": 8}]}).indexes
    assert index.build_params(100) == {"nlist": 8, "m": 4, "nbits": 8} and not index.keeps_whole_vectors


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"index": "HNSW", "ef": [50, 10]}, "50, 10 do not rise"),
        ({"index": "HAMMING", "candidates": [40, 40]}, "40, 40 do not rise"),
        ({"index": "HAMMING", "candidates": []}, "at least 1 item"),
        ({"index": "HAMMING", "nprobe": [10]}, "nprobe"),
        ({"index": "ANNOY"}, "ANNOY"),
        ({"index": "FLAT", "nlist": 4}, "nlist"),
    ],
)
def test_an_index_that_cannot_be_is_refused(index: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        VectorSearchOptions.model_validate({"indexes": [index]})


@pytest.fixture
def numbers() -> np.random.Generator:
    return np.random.default_rng(5)


def filled(numbers: np.random.Generator) -> tuple[FirstOnes, Exact, list[str]]:
    """A collection of 200 vectors, half of them inside the filter, and what 20 queries find there."""
    passages = numbers.standard_normal((200, 6)).astype(np.float32)
    passages /= np.linalg.norm(passages, axis=1, keepdims=True)
    queries = passages[:20] + np.float32(0.1)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    inside = numbers.permutation(200) < 100
    scores = queries @ passages.T
    nearest, nearest_inside = (np.argsort(-each, axis=1)[:, :5] for each in (scores, np.where(inside, scores, -np.inf)))
    collection, ids = FirstOnes(), [f"p{row}" for row in range(200)]
    collection.replace(ids, passages, [{FILTER: bool(each)} for each in inside])
    return collection, Exact(queries, passages, nearest, inside, nearest_inside), ids
