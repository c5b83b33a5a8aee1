"""Fused rankings against sums worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.fusion import Fusion, list_weights
from emb_pipeline.embeddings.retrieval.hits import NOTHING, Hits
from emb_pipeline.embeddings.retrieval.options import Bm25Options, FusionOptions
from emb_pipeline.embeddings.retrieval.vector_searcher import VectorSearcher
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf

PASSAGES = [f"passage {letter}" for letter in "abcdef"]


class Scored:
    """A searcher, and its index, that gives every query the scores of our own; a passage that is not named is not found."""

    n_bytes = 24

    def __init__(self, *scores: dict[int, float]) -> None:
        self.scores = scores

    def index(self, passages: Sequence[str]) -> Scored:
        return self

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        return self.search_scored(queries, k).passages

    def search_scored(self, queries: Sequence[str], k: int, among: sp.csr_array | None = None) -> Hits:
        passages = np.full((len(queries), k), -1)
        scores = np.full((len(queries), k), NOTHING)
        for row in range(len(queries)):
            allowed = range(len(PASSAGES)) if among is None else among.indices[among.indptr[row] : among.indptr[row + 1]]
            own = self.scores[row % len(self.scores)]
            order = sorted(allowed, key=lambda passage: -own.get(passage, NOTHING))[:k]
            passages[row, : len(order)] = order
            scores[row, : len(order)] = [own.get(passage, NOTHING) for passage in order]
        return Hits(passages, scores)


FIRST = Scored({0: 9.0, 1: 5.0, 2: 1.0})
SECOND = Scored({2: 0.9, 1: 0.8, 3: 0.4})


def fuse(k: int = 6, parts: Sequence[Any] = (FIRST, SECOND), **options: Any) -> dict[int, float]:
    """Fused scores by passage, in their order."""
    bases = {f"task.part{number}": part for number, part in enumerate(parts)}
    found = Fusion(FusionOptions(**options), bases).index(PASSAGES).search_scored(["a query"], k)
    return dict(zip(found.passages[0].tolist(), found.scores[0].tolist(), strict=True))


def test_reciprocal_ranks_are_added_up() -> None:
    found = fuse(k=4)
    expected = {2: 1 / 63 + 1 / 61, 1: 1 / 62 + 1 / 62, 0: 1 / 61, 3: 1 / 63}
    assert list(found) == [2, 1, 0, 3]
    assert found == pytest.approx(expected, abs=1e-9)


def test_the_constant_says_how_much_the_first_ranks_count() -> None:
    found = Fusion(FusionOptions(k=0), {"a": FIRST, "b": SECOND}).index(PASSAGES).search_scored(["a query"], 4)
    assert found.passages[0].tolist() == [
        2,
        1,
        0,
        3,
    ]  # 1/3 + 1; 1/2 + 1/2; 1; 1/3: of two equal sums, what both lists have comes first
    np.testing.assert_allclose(found.scores[0], [4 / 3, 1, 1, 1 / 3], atol=1e-9)


def test_min_max_scores_are_weighted() -> None:
    """First list: 1, 0.5, 0; second: 2 → 1, 1 → 0.8, 3 → 0; what a list lacks counts 0."""
    found = fuse(k=4, rule="weighted", weights=(3, 1))
    assert list(found) == [0, 1, 2, 3]
    assert found == pytest.approx({0: 0.75, 1: 0.375 + 0.2, 2: 0.25, 3: 0.0}, abs=1e-9)


def test_z_scores_are_weighted_and_a_missing_passage_counts_as_the_lowest() -> None:
    first = (np.array([9.0, 5.0, 1.0]) - 5) / np.std([9.0, 5.0, 1.0])
    second = (np.array([0.9, 0.8, 0.4]) - 0.7) / np.std([0.9, 0.8, 0.4])
    found = fuse(k=4, rule="weighted", normalize="z", weights=(0.5, 0.5))
    expected = {
        0: (first[0] + second[2]) / 2,
        1: (first[1] + second[1]) / 2,
        2: (first[2] + second[0]) / 2,
        3: (first[2] + second[2]) / 2,
    }
    assert found == pytest.approx(expected, abs=1e-9)
    assert list(found) == sorted(expected, key=lambda passage: -expected[passage])


def test_what_no_list_has_found_fills_the_ranking_up() -> None:
    found = fuse(k=6)
    assert set(list(found)[4:]) == {4, 5}
    assert [found[4], found[5]] == [NOTHING, NOTHING]


def test_places_below_the_depth_do_not_count_but_keep_their_order() -> None:
    found = fuse(k=4, depth=1)
    assert [found[0], found[2]] == pytest.approx([1 / 61, 1 / 61], abs=1e-9)
    assert list(found)[2:] == [1, 3] and found[1] == found[3] == 0


def test_a_list_of_equal_scores_says_nothing() -> None:
    equal = Scored({0: 2.0, 1: 2.0, 3: 2.0})
    alone = fuse(k=3, parts=(FIRST, equal), rule="weighted", weights=(0.5, 0.5))
    assert list(alone) == [0, 1, 2] or list(alone)[:2] == [0, 1]
    assert alone[0] == 0.5 and alone[1] == 0.25


def test_three_retrievers_are_fused_in_any_order() -> None:
    third = Scored({5: 3.0, 0: 2.0})
    forwards, backwards = fuse(parts=(FIRST, SECOND, third)), fuse(parts=(third, SECOND, FIRST))
    assert forwards == backwards and list(forwards) == list(backwards)


def test_ties_do_not_follow_the_order_of_passages_or_of_parts() -> None:
    passages = [f"text number {number}" for number in range(40)]
    order = np.random.default_rng(0).permutation(40)

    def rank(texts: list[str], *bases: Any) -> list[str]:
        fused = Fusion(FusionOptions(), {f"p{number}": base for number, base in enumerate(bases)})
        return [texts[place] for place in fused.index(texts).search(["number", "text"], 40)[0]]

    searchers = Bm25(Bm25Options(k1=1.5, b=0.75)), VectorSearcher(Tfidf(TfidfOptions()))
    usual = rank(passages, *searchers)
    assert rank([passages[place] for place in order], *searchers) == usual
    assert rank(passages, *searchers[::-1]) == usual
    assert usual != passages


def test_weights_to_try_are_a_grid_on_the_simplex_the_equal_ones_first() -> None:
    two = list_weights(FusionOptions(rule="weighted"), 2)
    three = list_weights(FusionOptions(rule="weighted"), 3)
    assert two[0] == (0.5, 0.5) and len(two) == 11 and {(0.0, 1.0), (1.0, 0.0)} <= set(two)
    assert sorted(three[0]) == [0.3, 0.3, 0.4] and len(set(three)) == 66
    assert all(sum(weights) == pytest.approx(1) for weights in three)
    assert list_weights(FusionOptions(rule="weighted", weights=(1, 3)), 2) == [(0.25, 0.75)]
    assert list_weights(FusionOptions(), 3) == [(1.0, 1.0, 1.0)]


def test_an_encoder_is_searched_as_it_is_by_itself() -> None:
    texts = ["the heart beats", "skin is soft", "a lung breathes and the heart beats", "nothing of all this"]
    found = VectorSearcher(Tfidf(TfidfOptions())).index(texts).search_scored(["heart beats", "unheard"], 4)
    assert set(found.passages[0, :2].tolist()) == {0, 2}
    assert (found.scores[0, :2] > 0).all() and (found.scores[0, 2:] == NOTHING).all()
    assert (found.scores[1] == NOTHING).all()


@pytest.mark.parametrize("searcher", [Bm25(Bm25Options(k1=1.5, b=0.75)), VectorSearcher(Tfidf(TfidfOptions()))])
def test_a_search_among_some_passages_keeps_their_order_among_all(searcher: Any) -> None:
    texts = [f"heart {'beats ' * number}" for number in range(8)] + ["skin"]
    index = searcher.index(texts)
    among = sp.csr_array(np.array([[0, 1, 1, 0, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 0, 1]], dtype=bool))
    queries = ["heart beats", "skin"]
    everywhere = index.search(queries, 9)
    found = index.search_scored(queries, 4, among)
    for row, allowed in enumerate(([1, 2, 5, 8], [8])):
        expected = [place for place in everywhere[row].tolist() if place in allowed]
        assert found.passages[row].tolist() == expected + [-1] * (4 - len(allowed))


def test_options_that_mean_nothing_to_the_rule_are_refused() -> None:
    for given in ({"weights": (1, 1)}, {"normalize": "z"}, {"rule": "weighted", "k": 10}):
        with pytest.raises(ValueError, match="means nothing to rule"):
            FusionOptions(**given)
    with pytest.raises(ValueError, match="all 'weights' are 0"):
        FusionOptions(rule="weighted", weights=(0, 0))
    with pytest.raises(ValueError, match="3 weights for 2 retrievers"):
        Fusion(FusionOptions(rule="weighted", weights=(1, 1, 1)), {"a": FIRST, "b": SECOND})
