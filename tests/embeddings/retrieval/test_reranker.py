"""A cross-encoder on top of a retriever: what it reorders, what it leaves alone, and what it computes once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.protocols import Role
from emb_pipeline.embeddings.retrieval.bm25 import Bm25
from emb_pipeline.embeddings.retrieval.cross_encoder import SEPARATOR, CrossEncoderScorer, load
from emb_pipeline.embeddings.retrieval.hits import NOTHING
from emb_pipeline.embeddings.retrieval.options import Bm25Options, RerankerOptions
from emb_pipeline.embeddings.retrieval.reranker import Reranker
from emb_pipeline.errors import DataError

from .test_fusion import FIRST, PASSAGES


class ByLetter:
    """Scores a pair by the last letter of its passage, the later the better, and counts what it scores."""

    dim = 1

    def __init__(self) -> None:
        self.pairs: list[str] = []

    def fingerprint(self, role: Role = "text") -> str:
        return "letters"

    def encode(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        self.pairs += texts
        return np.array([[ord(text[-1]) - ord("a")] for text in texts], dtype=np.float32)


def test_the_first_passages_are_put_in_order_and_those_below_keep_theirs() -> None:
    """The retriever finds 0, 1, 2 in this order; two are reordered; 3, 4 and 5 are not found at all."""
    found = Reranker(2, {"task.first": FIRST}, ByLetter()).index(PASSAGES).search_scored(["a query"], 6)
    assert found.passages[0, :3].tolist() == [1, 0, 2]
    assert found.scores[0].tolist() == [1, 0] + [NOTHING] * 4


def test_what_the_retriever_has_not_found_is_not_scored() -> None:
    scorer = ByLetter()
    found = Reranker(6, {"task.first": FIRST}, scorer).index(PASSAGES).search(["a query"], 6)
    assert found[0, :3].tolist() == [2, 1, 0] and len(scorer.pairs) == 3
    assert scorer.pairs[0] == f"a query{SEPARATOR}passage a"


def test_a_deeper_pool_costs_its_further_pairs_alone(tmp_path: Path) -> None:
    counts = []
    for depth in (1, 3, 2):
        scorer = ByLetter()
        Reranker(depth, {"task.first": FIRST}, scorer, tmp_path).index(PASSAGES).search(["a query"], 3)
        counts.append(len(scorer.pairs))
    assert counts == [1, 2, 0]
    again = ByLetter()
    index: Any = Reranker(3, {"task.first": FIRST}, again, tmp_path).index(PASSAGES)
    index.unstored.search(["a query"], 3)
    assert len(again.pairs) == 3  # a request pays for all of its pairs


def test_a_separator_in_a_text_does_not_make_two_pairs_one(tmp_path: Path) -> None:
    scorer = ByLetter()
    index = Reranker(3, {"task.first": FIRST}, scorer, tmp_path).index([f"x{SEPARATOR}{text}" for text in PASSAGES])
    index.search([f"a{SEPARATOR}query"], 3)
    assert all(pair.count(SEPARATOR) == 1 for pair in scorer.pairs)


def test_equal_scores_do_not_follow_the_retrievers_order() -> None:
    class Indifferent(ByLetter):
        def encode(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
            return np.zeros((len(texts), 1), dtype=np.float32)

    passages = [f"{'heart ' * (20 - number)}text" for number in range(15)]
    bm25 = Bm25(Bm25Options(k1=1.5, b=0.0))
    first = bm25.index(passages).search(["heart"], 15)[0].tolist()
    reranked = Reranker(15, {"task.bm25": bm25}, Indifferent()).index(passages).search(["heart"], 15)[0].tolist()
    order = np.random.default_rng(0).permutation(15)
    moved = Reranker(15, {"task.bm25": bm25}, Indifferent()).index([passages[place] for place in order])
    assert sorted(reranked) == sorted(first) and reranked != first
    assert [int(order[place]) for place in moved.search(["heart"], 15)[0]] == reranked


def test_pairs_are_scored_as_sentence_transformers_scores_them(tiny_cross_encoder: Path, tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    options = RerankerOptions(path=tiny_cross_encoder)
    folder = factory.make_cross_encoder("reranker", options, tmp_path / "found")
    pairs = [("heart", "the cat sat"), ("cat", "a dog sat on the mat"), ("dog", "heart")]
    ours = CrossEncoderScorer(EncoderFolder.read(folder.path), options).encode([SEPARATOR.join(pair) for pair in pairs])
    theirs = CrossEncoder(str(tiny_cross_encoder)).predict(pairs)  # a sigmoid of ours
    assert len(np.unique(ours)) == 3
    np.testing.assert_allclose(1 / (1 + np.exp(-ours[:, 0])), theirs, atol=1e-6)


def test_another_length_is_another_place_in_the_store(tiny_cross_encoder: Path, tmp_path: Path) -> None:
    folder = load(RerankerOptions(path=tiny_cross_encoder), tmp_path / "found")
    names = {
        CrossEncoderScorer(folder, RerankerOptions(path=tiny_cross_encoder, **given)).fingerprint()
        for given in ({}, {"max_length": 8}, {"depth": 3}, {"batch_size": 2})
    }
    assert len(names) == 2  # depth and batches change no score


def test_an_encoder_is_no_cross_encoder(tiny_transformer: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gives no score for a pair of texts"):
        factory.require("reranker", RerankerOptions(path=tiny_transformer))


def test_a_model_with_several_scores_is_refused(tiny_cross_encoder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    AutoModelForSequenceClassification.from_pretrained(
        tiny_cross_encoder, num_labels=3, ignore_mismatched_sizes=True
    ).save_pretrained(tmp_path / "three")
    AutoTokenizer.from_pretrained(tiny_cross_encoder).save_pretrained(tmp_path / "three")
    with pytest.raises(DataError, match="gives 3 scores for a pair"):
        load(RerankerOptions(path=tmp_path / "three"), tmp_path / "found")


def test_an_encoder_gets_a_last_layer_that_follows_the_seed(tiny_transformer: Path, tmp_path: Path) -> None:
    from emb_pipeline.embeddings.contextual.options import SentenceTransformerOptions

    base = factory.load_encoder("sentence_transformer", SentenceTransformerOptions(path=tiny_transformer), tmp_path / "base")
    made = [
        factory.make_cross_encoder("reranker", RerankerOptions(), tmp_path / f"made{number}", base=base, seed=seed)
        for number, seed in enumerate((1, 1, 2))
    ]
    assert made[0].fingerprint == made[1].fingerprint != made[2].fingerprint
    assert np.isfinite(CrossEncoderScorer(made[0], RerankerOptions()).encode([f"cat{SEPARATOR}the dog"])).all()


def test_a_reranker_has_one_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one model"):
        RerankerOptions(path=tmp_path).check_start(is_given=True)
    with pytest.raises(ValueError, match="needs a cross-encoder"):
        RerankerOptions().check_start(is_given=False)
