"""The order of equal scores: chance for each row, whatever the order of the columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.ranking import TieOrder, largest
from emb_pipeline.embeddings.retrieval.exact_search import find_top_k

NAMES = np.array([f"p{number}" for number in range(60)])


def test_without_ties_the_largest_are_those_of_a_sort() -> None:
    scores = np.random.default_rng(0).normal(size=(8, 60))
    expected = np.argsort(-scores, axis=1)[:, :9]
    np.testing.assert_array_equal(largest(scores, 9), expected)
    np.testing.assert_array_equal(largest(scores, 9, TieOrder.of("abcdefgh", NAMES)), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("k", [1, 9, 60])
def test_the_largest_are_those_of_a_sort_by_score_then_tie_then_column(k: int, dtype: type) -> None:
    scores = np.random.default_rng(0).integers(-2, 3, size=(8, 60)).astype(dtype)
    ties = TieOrder.of("abcdefgh", np.repeat(NAMES[:30], 2))  # each hash is that of two columns
    keys = ties.keys(np.arange(8)[:, None], np.arange(60)[None])
    expected = np.lexsort((np.broadcast_to(np.arange(60), (8, 60)), keys, -scores), axis=1)
    np.testing.assert_array_equal(largest(scores, k, ties), expected[:, :k])
    np.testing.assert_array_equal(largest(scores.T.copy().T, k), np.argsort(-scores, axis=1, kind="stable")[:, :k])


def test_what_is_found_among_equal_scores_does_not_follow_the_order_of_columns() -> None:
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 3, size=(8, 60)).astype(np.float32)
    ties = TieOrder.of("abcdefgh", NAMES)
    for k in (1, 7, 35, 60):
        expected = NAMES[largest(scores, k, ties)]
        for order in (np.arange(60)[::-1], rng.permutation(60)):
            permuted = TieOrder.of("abcdefgh", NAMES[order])
            np.testing.assert_array_equal(NAMES[order][largest(scores[:, order], k, permuted)], expected)
        best = np.take_along_axis(scores, largest(scores, k, ties), axis=1)
        np.testing.assert_array_equal(best, -np.sort(-scores, axis=1)[:, :k])


def test_each_row_has_an_order_of_its_own_and_all_places_are_as_likely() -> None:
    rows = [f"q{number}" for number in range(3000)]
    found = largest(np.zeros((3000, 20)), 20, TieOrder.of(rows, NAMES[:20]))
    places = np.argsort(found, axis=1)
    for column in range(20):
        counts = np.bincount(places[:, column], minlength=20)
        assert ((counts - 150) ** 2 / 150).sum() < 50  # chi square of 19 degrees of freedom: 43.8 in one of 1,000


def test_a_passage_of_the_querys_own_words_is_not_preferred() -> None:
    texts = [f"text {number}" for number in range(400)]
    found = largest(np.zeros((400, 400)), 40, TieOrder.of(texts, texts))
    share = (found == np.arange(400)[:, None]).any(axis=1).mean()
    assert 0.05 < share < 0.15  # a tenth by chance


def test_passages_that_are_searched_some_at_a_time_are_found_in_the_order_of_all(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    passages = np.memmap(tmp_path / "passages", np.float32, "w+", shape=(5000, 8))
    passages[:] = rng.integers(-2, 3, passages.shape)  # many equal scores
    queries = rng.integers(-2, 3, (300, 8)).astype(np.float32)
    ties = TieOrder.of([f"q{row}" for row in range(300)], [f"p{row}" for row in range(5000)])
    for order in (ties, None):
        whole = find_top_k(queries, passages, 40, ties=order)
        parts = find_top_k(queries, passages, 40, ties=order, block_bytes=1 << 20)
        np.testing.assert_array_equal(parts, whole)
