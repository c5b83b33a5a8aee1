"""Passages are ranked by their best chunk; chunks that cut nothing change nothing, whatever the retriever."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from pydantic import ValidationError

from emb_pipeline.embeddings.compress.options import ReducedOptions
from emb_pipeline.embeddings.compress.reduced import Reduced
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.chunked import Chunked
from emb_pipeline.embeddings.retrieval.fusion import Fusion
from emb_pipeline.embeddings.retrieval.hits import Hits
from emb_pipeline.embeddings.retrieval.options import Bm25Options, ChunkedOptions, FusionOptions
from emb_pipeline.embeddings.retrieval.vector_searcher import make_searcher
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.tasks.examples.cut_texts import measure_cut_texts
from emb_pipeline.tasks.retrieval.evaluate import create_retrieval_service, evaluate_retrieval
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.texts import Texts

COSINES = {"up": 1.0, "high": 0.9, "half": 0.5, "low": 0.1, "down": -0.8}


class ByWord:
    """Two-dimensional vectors: the cosine of a text with "up" is that of its last word in `COSINES`."""

    dim = 2

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        cosines = np.array([COSINES[text.split()[-1]] for text in texts])
        return np.column_stack([cosines, np.sqrt(1 - cosines**2)]).astype(np.float32)


class Hashed:
    """A vector for each text that looks random; a model that reads six words."""

    dim, max_length = 8, 6

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([np.random.default_rng(zlib.crc32(text.encode())).normal(size=8) for text in texts]).astype(
            "float32"
        )

    def cuts(self, texts: Sequence[str], role: str = "text") -> np.ndarray:
        return np.array([len(text.split()) > 6 for text in texts])


def chunked(base: Any, **options: Any) -> Chunked:
    return Chunked(ChunkedOptions(**{"by": "tokens", "size": 1, **options}), base)


def test_a_passage_has_the_score_of_its_best_chunk() -> None:
    passages = ["low down", "half half half", "down high", "low", "up"]
    found = chunked(ByWord()).index(passages).search_scored(["up"], 5)
    assert found.passages[0].tolist()[:3] == [4, 2, 1] and set(found.passages[0].tolist()[3:]) == {0, 3}
    np.testing.assert_allclose(found.scores[0], [1.0, 0.9, 0.5, 0.1, 0.1], atol=1e-6)


def test_as_many_passages_are_found_where_one_has_the_best_chunks() -> None:
    passages = [" ".join(["up"] * 300), *["half low"] * 3, "high down low"]
    found = chunked(ByWord()).index(passages).search_scored(["up"], 3)
    assert found.passages[0, :2].tolist() == [0, 4] and found.passages[0, 2] in (1, 2, 3)
    np.testing.assert_allclose(found.scores[0], [1.0, 0.9, 0.5], atol=1e-6)


def test_equal_scores_do_not_follow_the_order_of_passages_nor_the_number_of_their_chunks() -> None:
    texts = [f"{'half ' * number}{name} half" for number, name in enumerate(["low", "down"] * 8)]
    queries = [f"{number} up" for number in range(40)]
    first = chunked(ByWord()).index(texts).search(queries, 16)
    order = np.random.default_rng(0).permutation(16)
    second = chunked(ByWord()).index([texts[place] for place in order]).search(queries, 16)
    np.testing.assert_array_equal(first, order[second])
    assert 0.3 < (np.argsort(first, axis=1)[:, 0] < np.argsort(first, axis=1)[:, 15]).mean() < 0.7


class Listed:
    """A searcher that gives lists of the best alone, and not the scores of all."""

    n_bytes = 0

    def index(self, passages: Sequence[str]) -> Listed:
        self.inner = make_searcher(ByWord()).index(passages)
        return self

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        return self.inner.search(queries, k)

    def search_scored(self, queries: Sequence[str], k: int, among: sp.csr_array | None = None) -> Hits:
        found: Hits = self.inner.search_scored(queries, k, among)  # type: ignore[attr-defined]
        return found


@pytest.mark.parametrize("k", [1, 4, 30])
def test_lists_of_the_best_chunks_give_what_the_scores_of_all_give(k: int) -> None:
    rng = np.random.default_rng(2)
    passages = [" ".join(rng.choice(list(COSINES), size=rng.integers(1, 40))) for _ in range(30)]
    queries, among = [f"{number} up" for number in range(8)], sp.csr_array(rng.random((8, 30)) < 0.4)
    for some in (None, among):
        by_scores, by_lists = (
            chunked(base).index(passages).search_scored(queries, k, some) for base in (ByWord(), Listed())
        )
        np.testing.assert_array_equal(by_lists.passages, by_scores.passages)
        np.testing.assert_array_equal(by_lists.scores, by_scores.scores)


def test_passages_are_found_among_some_alone() -> None:
    index = chunked(ByWord()).index(["low down", "half half", "down high", "up"])
    among = sp.csr_array(np.array([[True, True, False, False], [False, False, True, True], [True, False, False, False]]))
    found = index.search_scored(["up", "a up", "b up"], 2, among)
    assert found.passages.tolist() == [[1, 0], [3, 2], [0, -1]]


WORDS = [f"{first}{second}" for first in "bcdfghklmn" for second in ("ada", "ede", "idi", "odo")]


def make_task(n_words: int = 12, order: Sequence[int] | None = None) -> RetrievalTask:
    rng = np.random.default_rng(0)
    texts = [". ".join(" ".join(rng.choice(WORDS, size=4)).capitalize() for _ in range(n_words // 4)) for _ in range(30)]
    queries = [" ".join(rng.choice(text.replace(".", "").lower().split(), size=2)) for text in texts[:24]]
    kept = list(range(30)) if order is None else list(order)
    judged = rng.random((24, 30)) < 0.3
    judged[np.arange(24), np.arange(24)] = True
    return RetrievalTask(
        "search",
        np.array([f"q{row}" for row in range(24)]),
        Texts(queries),
        np.array([f"p{place}" for place in kept]),
        Texts(texts[place] for place in kept),
        sp.csr_array(np.eye(24, 30, dtype=np.float32)[:, kept]),
        judged=sp.csr_array(judged[:, kept]),
    )


RETRIEVERS: dict[str, Callable[[], Any]] = {
    "dense": Hashed,
    "sparse": lambda: Tfidf(TfidfOptions()),
    "reduced": lambda: Reduced(ReducedOptions(dims=3), Hashed()),
    "bm25": lambda: Bm25(Bm25Options()),
    "bm25 of one setting": lambda: Bm25(Bm25Options(k1=1.2, b=0.7)),
    "fusion": lambda: Fusion(FusionOptions(), {"task.bm25": Bm25(Bm25Options()), "task.tfidf": Tfidf(TfidfOptions())}),
    "chunks": lambda: chunked(Hashed(), size=4),
}


@pytest.mark.parametrize("rank", ["all", "judged"])
@pytest.mark.parametrize("name", RETRIEVERS)
def test_chunks_larger_than_every_passage_give_the_scores_without_chunks(name: str, rank: str) -> None:
    options = RetrievalOptions(rank=rank, recall_cutoff=10)
    whole = evaluate_retrieval(make_task(), RETRIEVERS[name](), options)
    for by in ("tokens", "sentences", "headings"):
        found = evaluate_retrieval(make_task(), chunked(RETRIEVERS[name](), by=by, size=100, overlap=20), options)
        assert found.item_scores.equals(whole.item_scores)
        assert found.bytes_per_item == pytest.approx(whole.bytes_per_item)
        assert found.details.get("settings_tried") == whole.details.get("settings_tried")


@pytest.mark.parametrize("name", RETRIEVERS)
def test_scores_of_chunks_do_not_depend_on_the_order_of_passages(name: str) -> None:
    order = np.random.default_rng(1).permutation(30).tolist()
    options = RetrievalOptions(recall_cutoff=10)
    first, second = (
        evaluate_retrieval(task, chunked(RETRIEVERS[name](), size=4, overlap=1), options)
        for task in (make_task(), make_task(order=order))
    )
    assert first.item_scores.equals(second.item_scores)


def test_the_vectors_of_all_chunks_are_counted() -> None:
    found = evaluate_retrieval(make_task(n_words=12), chunked(Hashed(), size=4), RetrievalOptions())
    assert found.details["n_chunks"] == 90 and found.details["chunks_per_passage"] == 3
    assert found.bytes_per_item == 3 * 8 * 4 and found.fit_seconds > 0


def test_a_request_is_answered_with_passages() -> None:
    task = make_task()
    service = create_retrieval_service(task, chunked(Bm25(Bm25Options()), size=4), RetrievalOptions(), {"k1": 1.5, "b": 0.5})
    assert service.answer(task.queries[0]).shape == (1, 10)


def test_what_a_model_does_not_read_is_measured_on_chunks() -> None:
    from tests.tasks.test_audit import retrieval

    made = retrieval({"q": "one two"}, {"p": "one two three four five six seven eight", "r": "one"}, {("q", "p"): 1})
    tables = {"queries": made.queries, "passages": made.passages}
    assert measure_cut_texts(Hashed(), tables)["cut_share"] == 0.5
    assert measure_cut_texts(chunked(Hashed(), size=6), tables) == {}
    assert measure_cut_texts(chunked(Hashed(), size=7), tables)["cut_share"] == pytest.approx(1 / 3)


def test_a_title_goes_before_each_chunk() -> None:
    found = chunked(ByWord(), size=2, with_title="headings", by="headings")
    passages = ["# One\nup low\nhalf down", "up"]
    assert found.split_passages(passages) == [["# One\nup", "One\nlow\nhalf", "One\ndown"], ["up"]]


def test_an_overlap_without_room_is_refused() -> None:
    with pytest.raises(ValidationError, match="smaller than 'size'"):
        ChunkedOptions(size=8, overlap=8)
