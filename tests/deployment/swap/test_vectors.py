"""Both embeddings encode the same texts; what is in the deployed index is not encoded again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from emb_pipeline.deployment.bundle import Bundle
from emb_pipeline.deployment.swap.vectors import encode_by_both
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.tasks.export.vectors import TextVectors
from emb_pipeline.tasks.retrieval.export import TextSearch
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.texts import Texts

PASSAGES = ["a cat sat", "a dog ran", "the mat is red", "cats and dogs"]


@dataclass
class Counted:
    """An encoder of letters that remembers what it was asked for."""

    asked: list[str]
    dim: int = 3

    def encode(self, texts: Texts, role: str = "text") -> np.ndarray:
        """Count three letters."""
        self.asked += list(texts)
        return np.array([[text.count(letter) for letter in "adt"] for text in texts], dtype=np.float32)


def _make_task(passages: list[str]) -> RetrievalTask:
    ids = np.array([str(number) for number in range(len(passages))])
    qrels = sp.csr_array(np.eye(1, len(passages), dtype=np.float32))
    return RetrievalTask("search", np.array(["q"]), Texts(["a cat"]), ids, Texts(passages), qrels)


def test_vectors_in_the_index_are_taken_and_new_passages_encoded() -> None:
    encoder = Counted([])
    bundle = Bundle(TextSearch.fit(_make_task(PASSAGES), encoder, RetrievalOptions(), seed=0))
    encoder.asked.clear()
    grown = ["a new text", *PASSAGES[::-1]]
    both = encode_by_both(_make_task(grown), bundle, Tfidf(TfidfOptions()))
    assert not isinstance(both, str)
    assert sorted(encoder.asked) == ["a cat", "a new text"]
    expected = Counted([]).encode(Texts(grown))
    lengths = np.linalg.norm(both.deployed.texts, axis=1, keepdims=True)
    np.testing.assert_allclose(both.deployed.texts / lengths, expected / np.linalg.norm(expected, axis=1, keepdims=True))
    assert both.candidate.texts.shape[0] == 5 and both.candidate.asked.shape[0] == 1 and both.is_known.all()


def test_what_has_no_vectors_is_said() -> None:
    task = _make_task(PASSAGES)
    search = Bundle(TextSearch.fit(task, Bm25(Bm25Options()), RetrievalOptions(), seed=0))
    assert encode_by_both(task, search, Counted([])) == "what is deployed has no vectors of texts"
    vectors = Bundle(TextVectors(Counted([])))
    assert str(encode_by_both(task, vectors, Bm25(Bm25Options()))).startswith("the candidate has no vectors")
    assert encode_by_both(replace(task, passages=Texts([])), vectors, Counted([])) == "the task has no texts"
