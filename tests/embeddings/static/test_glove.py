from __future__ import annotations

import copy

import numpy as np
import pytest

from emb_pipeline.embeddings.static import glove
from emb_pipeline.embeddings.static.glove import Parameters, update
from emb_pipeline.embeddings.static.options import GloveOptions
from emb_pipeline.embeddings.training.request import TrainingRequest
from emb_pipeline.text.tokens import TokenCorpus

OPTIONS = GloveOptions(window=5, epochs=15, min_count=1, memory_mb=16)
RATE = 0.05


def test_one_record_moves_the_model_as_the_gradient_says() -> None:
    before = Parameters.random(3, 4, np.random.default_rng(0))
    after = copy.deepcopy(before)
    log_count, weight = np.float32(1.2), np.float32(0.7)
    # (0, 0) is its own mirror image, so it is a single record
    loss, n_records = update(
        np.array([0], np.int32), np.array([0], np.int32), np.array([log_count]), np.array([weight]), after, RATE
    )
    word, context = before.words[0], before.contexts[0]
    error = word @ context + before.word_biases[0] + before.context_biases[0] - log_count
    assert n_records == 1
    assert loss == pytest.approx(weight * error**2, rel=1e-5)
    # sums of squares start at 1, so that the first AdaGrad step is the plain gradient step
    np.testing.assert_allclose(after.words[0], word - RATE * weight * error * context, rtol=1e-5)
    np.testing.assert_allclose(after.contexts[0], context - RATE * weight * error * word, rtol=1e-5)
    np.testing.assert_allclose(after.word_biases[0], before.word_biases[0] - RATE * weight * error, rtol=1e-5)
    np.testing.assert_allclose(after.squares[0][0], 1 + (RATE * weight * error * context) ** 2, rtol=1e-5)
    np.testing.assert_array_equal(after.words[1:], before.words[1:])


def test_the_steps_are_those_of_the_numerical_gradient() -> None:
    model = Parameters.random(2, 3, np.random.default_rng(1))
    log_count, weight = 0.4, 0.9

    def cost(word: np.ndarray) -> float:
        error = word @ model.contexts[1].astype(np.float64) + model.word_biases[0] + model.context_biases[1] - log_count
        return float(weight * error**2 / 2)

    start, tiny = model.words[0].astype(np.float64), 1e-5
    gradient = [(cost(start + tiny * axis) - cost(start - tiny * axis)) / (2 * tiny) for axis in np.eye(3)]
    update(
        np.array([0], np.int32),
        np.array([1], np.int32),
        np.array([log_count], np.float32),
        np.array([weight], np.float32),
        model,
        RATE,
    )
    np.testing.assert_allclose(model.words[0], start - RATE * np.array(gradient), rtol=1e-4)


def test_a_pair_of_two_words_is_a_record_in_each_direction() -> None:
    model = Parameters.random(2, 3, np.random.default_rng(0))
    before = copy.deepcopy(model)
    _, n_records = update(
        np.array([0], np.int32),
        np.array([1], np.int32),
        np.array([2.0], np.float32),
        np.array([1.0], np.float32),
        model,
        RATE,
    )
    assert n_records == 2
    for name in ("words", "contexts", "word_biases", "context_biases"):
        assert (getattr(model, name) != getattr(before, name)).all()


def test_words_that_share_contexts_come_close(animals_and_tools: TokenCorpus) -> None:
    vectors = glove.train(TrainingRequest(animals_and_tools, dim=8, options=OPTIONS, seed=1))
    unit = vectors.vectors / np.linalg.norm(vectors.vectors, axis=1, keepdims=True)
    cat, dog, saw = (unit[vectors.index[word]] for word in ("cat", "dog", "saw"))
    assert cat @ dog > cat @ saw


def test_the_loss_falls_and_is_reported_for_each_epoch(animals_and_tools: TokenCorpus) -> None:
    seen: list[tuple[int, float | None]] = []
    vectors = glove.train(
        TrainingRequest(animals_and_tools, dim=8, options=OPTIONS, seed=1, on_epoch=lambda *epoch: seen.append(epoch))
    )
    losses = vectors.provenance["epoch_losses"]
    assert seen == list(enumerate(losses, start=1))
    assert len(losses) == OPTIONS.epochs
    assert losses[-1] < losses[0] / 2


def test_one_worker_and_one_seed_give_the_same_bits(animals_and_tools: TokenCorpus) -> None:
    first, again, other = (
        glove.train(TrainingRequest(animals_and_tools, dim=8, options=OPTIONS, seed=seed)).vectors for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_deterministic_overrides_the_number_of_workers(animals_and_tools: TokenCorpus) -> None:
    options = OPTIONS.model_copy(update={"deterministic": True})
    alone, many = (
        glove.train(TrainingRequest(animals_and_tools, dim=8, options=options, seed=1, workers=workers))
        for workers in (1, 4)
    )
    np.testing.assert_array_equal(alone.vectors, many.vectors)
    assert many.provenance["workers"] == 1


def test_several_workers_reach_about_the_same_loss(animals_and_tools: TokenCorpus) -> None:
    one, two = (
        glove.train(TrainingRequest(animals_and_tools, dim=8, options=OPTIONS, seed=1, workers=workers))
        for workers in (1, 2)
    )
    assert two.provenance["epoch_losses"][-1] == pytest.approx(one.provenance["epoch_losses"][-1], rel=0.2)


def test_every_pair_comes_once_an_epoch_and_in_a_new_order(
    animals_and_tools: TokenCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glove, "_PAIRS_PER_PIECE", 4)
    monkeypatch.setattr(glove, "_PAIRS_PER_BLOCK", 20)
    n_pairs = 103
    numbers = np.arange(n_pairs, dtype=np.int32)
    pairs = glove.CooccurrenceCounts(numbers, numbers, np.ones(n_pairs, np.float32), n_pairs, 0)
    rng = np.random.default_rng(0)
    orders = [np.concatenate([block[0] for block in glove._shuffle_blocks(pairs, OPTIONS, rng)]) for _ in range(2)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), numbers)
    assert (orders[0] != orders[1]).any()
