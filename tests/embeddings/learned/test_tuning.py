"""Losses of sparse vectors and of late interaction equal the library's, and those by hand; what is trained is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emb_pipeline.embeddings import factory
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.learned.learned_sparse import LearnedSparseEncoder
from emb_pipeline.embeddings.learned.options import (
    LateInteractionOptions,
    LearnedSparseOptions,
    SparseTuningOptions,
    TokenTuningOptions,
)
from emb_pipeline.embeddings.learned.ranking_batches import BatchMaker, RankingBatch, compute_ranking_loss
from emb_pipeline.embeddings.learned.token_encoder import TokenEncoder
from emb_pipeline.embeddings.learned.tuning import LibraryTraining, compute_regularizer, tune_sparse_encoder
from emb_pipeline.embeddings.learned.word_weights import WordWeigher, compute_rarity
from emb_pipeline.embeddings.retrieval.ranking_examples import RankingExamples

from .tiny_models import TEXTS, save_inference_free, save_late_interaction, save_masked_model

pytestmark = pytest.mark.slow
torch: Any = pytest.importorskip("torch")
QUERIES, PASSAGES = ["a cat", "where is the dog?", "a dog sat"], TEXTS[:5]
NOTHING = np.zeros(0, dtype=np.int64)
EXAMPLES = RankingExamples(
    QUERIES,
    np.array([0, 3, 1]),
    PASSAGES,
    hard=[NOTHING, NOTHING, NOTHING],
    others=np.arange(5),
    judged=[np.array([0, 2]), np.array([3]), np.array([1, 3])],
)
ALONE = RankingBatch(QUERIES, PASSAGES[:3], np.arange(3), np.zeros((3, 3), dtype=bool))


def open_masked(folder: Path) -> EncoderFolder:
    options = LearnedSparseOptions(path=save_masked_model(folder / "masked"))
    return factory.load_encoder("learned_sparse", options, folder / "described")


def test_the_loss_is_the_cross_entropy_by_hand_without_what_is_relevant_too() -> None:
    scores = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])
    left_out = np.array([[False, False, False], [True, False, False]])
    batch = RankingBatch(["a", "b"], ["x", "y", "z"], np.array([0, 1]), left_out)
    expected = (np.log(np.exp([2, 1, 0]).sum()) - 2 + np.log(np.exp([3, 1]).sum()) - 3) / 2
    assert float(compute_ranking_loss(scores, batch)) == pytest.approx(expected, abs=1e-6)


def test_the_sparse_loss_equals_the_librarys() -> None:
    from sentence_transformers.sparse_encoder.losses import FlopsLoss, SparseMultipleNegativesRankingLoss

    nothing: Any = None
    rng = np.random.default_rng(0)
    queries, passages = (torch.from_numpy(rng.random((3, 6)).astype(np.float32)) for _ in range(2))
    library = SparseMultipleNegativesRankingLoss(nothing).compute_loss_from_embeddings([queries, passages], nothing)
    assert float(compute_ranking_loss(queries @ passages.T, ALONE)) == pytest.approx(float(library), abs=1e-6)
    library = FlopsLoss(nothing).compute_loss_from_embeddings(passages)
    assert float(compute_regularizer(passages, "flops")) == pytest.approx(float(library), abs=1e-6)
    weights = torch.tensor([[1.0, 0.0], [3.0, 2.0]])
    assert float(compute_regularizer(weights, "flops")) == pytest.approx(2.0**2 + 1.0**2)
    assert float(compute_regularizer(weights, "l1")) == pytest.approx((1 + 5) / 2)


def test_the_loss_of_token_vectors_equals_the_librarys(tmp_path: Path) -> None:
    from sentence_transformers.multi_vector_encoder.losses import MultiVectorMultipleNegativesRankingLoss
    from sentence_transformers.util import maxsim

    options = LateInteractionOptions(path=save_late_interaction(tmp_path))
    reader = TokenEncoder(factory.load_encoder("late_interaction", options, tmp_path / "encoder"), options)
    sides = [reader.cut_texts(QUERIES, "query"), reader.cut_texts(PASSAGES[:3], "passage")]
    model = reader.load().eval()
    library = MultiVectorMultipleNegativesRankingLoss(model)(
        [{**sides[0], "task": "query"}, {**sides[1], "task": "document"}]
    )
    with LibraryTraining(reader, TokenTuningOptions(), 0) as training:
        training.load().eval()
        found = [training.encode(QUERIES, "query"), training.encode(PASSAGES[:3], "passage")]
        vectors = [side["token_embeddings"] for side in found]
        scores = maxsim(*vectors, *(side["attention_mask"].bool() for side in found))
    assert float(compute_ranking_loss(scores, ALONE).detach()) == pytest.approx(float(library.detach()), abs=1e-5)


def test_a_batch_leaves_out_what_is_relevant_to_a_query_and_draws_the_same_for_a_held_out_loss() -> None:
    maker, rows = BatchMaker(EXAMPLES, 2, 0), np.arange(3)
    batch = maker.make(rows, is_training=False)
    for row in range(3):
        assert batch.passages[batch.relevant[row]] == PASSAGES[EXAMPLES.relevant[row]]
        left_out = {batch.passages[column] for column in np.flatnonzero(batch.is_left_out[row])}
        others = {PASSAGES[place] for place in EXAMPLES.judged[row]} - {PASSAGES[EXAMPLES.relevant[row]]}
        assert left_out == others & set(batch.passages)
    assert maker.make(rows, is_training=False).passages == batch.passages
    assert len({tuple(maker.make(rows[:1], is_training=True).passages) for _ in range(20)}) > 1


def test_word_weights_start_at_the_rarity_of_a_texts_own_words(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = open_masked(tmp_path)
    rarity = compute_rarity(folder, PASSAGES)
    tokenizer = AutoTokenizer.from_pretrained(folder.model_path)
    number = {word: tokenizer(word, add_special_tokens=False)["input_ids"][0] for word in ("dog", " cat")}
    n_with = sum(number[" cat"] in tokenizer(text)["input_ids"] for text in PASSAGES)
    assert n_with > 0 and not rarity[tokenizer.all_special_ids].any()
    highest = np.log1p(5.5 / 0.5)
    assert rarity[number[" cat"]] == pytest.approx(np.log1p((5 - n_with + 0.5) / (n_with + 0.5)) / highest)
    vectors = WordWeigher(folder, LearnedSparseOptions(), rarity).encode(PASSAGES, role="passage")
    for row, text in enumerate(PASSAGES):
        held = set(tokenizer(text)["input_ids"])
        assert set(vectors[[row]].indices.tolist()) <= held
    plain = LearnedSparseEncoder(folder, LearnedSparseOptions()).encode(PASSAGES, role="passage")
    assert vectors.nnz < plain.nnz


@pytest.mark.parametrize("kind", ["words", "expanded", "inference_free"])
def test_what_is_trained_is_saved_and_read_back(kind: str, tmp_path: Path) -> None:
    if kind == "inference_free":
        options = LearnedSparseOptions(path=save_inference_free(tmp_path))
        base = factory.load_encoder("learned_sparse", options, tmp_path / "described")
    else:
        base, options = open_masked(tmp_path), LearnedSparseOptions(expands=kind == "expanded")
    tuning = SparseTuningOptions(epochs=4, learning_rate=1e-2, passage_weight=0.1, negatives=2, max_length=10, patience=4)
    held_out = np.array([False, False, True])
    tuned = tune_sparse_encoder(base, options, EXAMPLES, held_out, tuning, seed=1, folder=tmp_path / "tuned")
    assert min(tuned.losses) < tuned.losses[0]
    read = EncoderFolder.read(tmp_path / "tuned")
    assert read.fingerprint == tuned.encoder.fingerprint != base.fingerprint
    after, before = (LearnedSparseEncoder(folder, options) for folder in (read, base))
    vectors = after.encode(TEXTS, role="passage")
    assert vectors.nnz < before.encode(TEXTS, role="passage").nnz
    assert not after.cuts(TEXTS[3:4], "passage").any(), "the shorter length of training is not the one of encoding"
