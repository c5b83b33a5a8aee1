"""Metrics of recommended lists against values computed by hand, and against the library implicit."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings.ranking import TieOrder, largest
from emb_pipeline.statistics.intervals.pseudo_values import compute_coverage
from emb_pipeline.tasks.metrics.rankings import (
    average_popularity,
    grades_at_ranks,
    ndcg,
    novelty,
    ranks_of_wanted,
    recall,
    reciprocal_rank_of_all,
)

SCORES = np.array([[0.9, -np.inf, 0.5, 0.7, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5]])
WANTED = sp.csr_array(np.array([[0, 0, 0, 1, 1], [1, 0, 0, 0, 0]], dtype=np.float32))


TIES = TieOrder(np.zeros(2, dtype=np.uint64), np.zeros(5, dtype=np.uint64))
"""Columns of equal hashes, which keep their order."""


def test_a_rank_counts_what_scores_higher_and_equal_scores_in_front() -> None:
    # User 0: 0.9 stands before 0.7; 0.9, 0.7 and the equal score of column 2 before column 4. User 1: four before.
    np.testing.assert_array_equal(ranks_of_wanted(SCORES, WANTED, TIES).toarray(), [[0, 0, 0, 2, 4], [5, 0, 0, 0, 0]])


def test_ranks_are_places_in_the_list_with_all_its_ties() -> None:
    rng = np.random.default_rng(2)
    scores = rng.integers(0, 3, size=(6, 30)).astype(np.float32)
    ties = TieOrder.of("abcdef", [f"i{number}" for number in range(30)])
    ranks = ranks_of_wanted(scores, sp.csr_array(np.ones((6, 30))), ties).toarray()
    np.testing.assert_array_equal(np.argsort(ranks, axis=1), largest(scores, 30, ties))


def test_gains_are_those_of_the_ranks() -> None:
    ranks = ranks_of_wanted(SCORES, WANTED, TIES)
    grades = grades_at_ranks(ranks, 4)
    np.testing.assert_array_equal(grades, [[0, 1, 0, 1], [0, 0, 0, 0]])
    ideal = 1 + 1 / np.log2(3)
    np.testing.assert_allclose(ndcg(grades, WANTED, 4), [(1 / np.log2(3) + 1 / np.log2(5)) / ideal, 0])
    np.testing.assert_allclose(recall(grades, WANTED), [1, 0])
    np.testing.assert_allclose(reciprocal_rank_of_all(ranks), [1 / 2, 1 / 5])


LISTS = np.array([[0, 1], [1, 2], [1, -1]])
COUNTS = np.array([7, 3, 1, 0])


def test_novelty_is_the_mean_self_information_in_bits() -> None:
    # 15 users: 8/16, 4/16 and 2/16 of them are 1, 2 and 3 bits.
    np.testing.assert_allclose(novelty(LISTS, COUNTS, 15), [1.5, 2.5, 2])
    assert novelty(np.array([[3]]), COUNTS, 15) == 4  # an item that nobody took: the most there is


def test_popularity_is_the_mean_number_of_users() -> None:
    np.testing.assert_allclose(average_popularity(LISTS, COUNTS), [5, 2, 3])


def test_coverage_is_the_share_of_items_on_some_list() -> None:
    values = compute_coverage(LISTS, 4)
    assert values.mean() == pytest.approx(3 / 4)
    # Items 0 and 2 stand on one list each: without it the coverage were a quarter lower; (n - 1) / n_items = 2 / 4.
    np.testing.assert_allclose(values, 3 / 4 + np.array([0.5, 0.5, 0]) - 1 / 3)


def test_the_interval_of_coverage_is_not_too_narrow() -> None:
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.ones(60))
    worlds = [rng.choice(60, size=(80, 2), p=shares) for _ in range(300)]
    coverage = np.array([compute_coverage(lists, 60).mean() for lists in worlds])
    estimated = np.array([compute_coverage(lists, 60).std(ddof=1) / np.sqrt(80) for lists in worlds])
    assert 1 <= np.sqrt((estimated**2).mean()) / coverage.std() < 1.5


def test_ndcg_agrees_with_implicit() -> None:
    """Both divide the gain of the hits among the first ten by that of as many wanted items as fit in, and average over users
    with a wanted item; ``implicit`` leaves out what a user has taken, as `evaluate_recommendation` does by ``-inf``."""
    evaluation = pytest.importorskip("implicit.evaluation")
    rng = np.random.default_rng(11)
    n_users, n_items = 40, 60
    everything = rng.permuted(np.tile(np.arange(n_items), (n_users, 1)), axis=1)
    known, wanted = (np.zeros((n_users, n_items), dtype=np.float32) for _ in range(2))
    for user in range(n_users):
        known[user, everything[user, :10]] = 1
        wanted[user, everything[user, 10 : 10 + rng.integers(1, 14)]] = 1
    scores = rng.normal(size=(n_users, n_items)) + wanted

    class Scores:
        """What implicit asks of a model."""

        def recommend(self, users: np.ndarray, user_items: sp.csr_matrix, N: int) -> tuple[np.ndarray, np.ndarray]:
            allowed = np.where(user_items.toarray() > 0, -np.inf, scores[users])
            best = np.argsort(-allowed, axis=1)[:, :N]
            return best.astype(np.int32), np.take_along_axis(allowed, best, axis=1)

    theirs = evaluation.ndcg_at_k(
        Scores(), sp.csr_matrix(known), sp.csr_matrix(wanted), K=10, show_progress=False, num_threads=1
    )
    relevant = sp.csr_array(wanted)
    ties = TieOrder.of(map(str, range(n_users)), map(str, range(n_items)))
    grades = grades_at_ranks(ranks_of_wanted(np.where(known > 0, -np.inf, scores), relevant, ties), 10)
    assert 0.2 < theirs < 0.9
    assert ndcg(grades, relevant, 10).mean() == pytest.approx(theirs, abs=1e-6)


def test_wanted_columns_are_ranked_as_they_are_sorted() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 5, (6, 40)).astype(np.float32)
    ties = TieOrder.of([f"u{row}" for row in range(6)], [f"i{row}" for row in range(40)])
    wanted = sp.random_array((6, 40), density=0.3, rng=rng, format="csr")
    found = ranks_of_wanted(scores, wanted, ties)
    order = largest(scores, 40, ties)
    for row, column in zip(*found.nonzero(), strict=True):
        assert order[row, found[row, column] - 1] == column
