"""Word vectors trained together with a classifier on their pooled mean."""

from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.embeddings.linear_head import LinearHead, class_weights
from emb_pipeline.embeddings.static.bag_tuning import LabeledTexts, tune_bag, with_words
from emb_pipeline.embeddings.static.options import BagTuningOptions
from emb_pipeline.embeddings.static.pooling import PooledEncoder
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.text.texts import Texts

WORDS = ["wave", "tide", "cloud", "wind", "the", "a"]
OPTIONS = BagTuningOptions(learning_rates=(1e-2,), epochs=20, batch_size=8)


@pytest.fixture
def vectors() -> WordVectors:
    """Vectors that know nothing of the classes."""
    rng = np.random.default_rng(0)
    counts = np.array([9, 8, 7, 6, 50, 40])
    return WordVectors(WORDS, counts, rng.normal(size=(6, 4)).astype(np.float32))


@pytest.fixture
def labelled() -> tuple[Texts, np.ndarray, np.ndarray]:
    """Sea or sky, told apart by one word among fillers."""
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 2, 120)
    words = [["wave", "tide"], ["cloud", "wind"]]
    texts = [f"the {rng.choice(words[code])} a the {rng.choice(['a', 'the'])}" for code in codes]
    return Texts(texts), codes, np.arange(120) % 5 == 0


def _accuracy(vectors: WordVectors, head: LinearHead, texts: Texts, codes: np.ndarray) -> float:
    logs = head.log_probabilities(PooledEncoder(vectors, "mean").encode(texts))
    return float((logs.argmax(axis=1) == codes).mean())


def test_tuning_moves_the_task_s_words_and_learns_the_task(vectors: WordVectors, labelled: tuple) -> None:
    texts, codes, held_out = labelled
    tuned = tune_bag(vectors, "mean", LabeledTexts(texts, codes, held_out, 2), OPTIONS, seed=0)
    assert _accuracy(tuned.vectors, tuned.head, texts.take(np.flatnonzero(held_out)), codes[held_out]) == 1.0
    assert min(tuned.losses[0]) < tuned.losses[0][0]
    assert not np.allclose(tuned.vectors.vectors[:4], vectors.vectors[:4])


def test_words_outside_the_training_texts_keep_their_vectors(vectors: WordVectors, labelled: tuple) -> None:
    texts, codes, held_out = labelled
    more = with_words(vectors, ["elsewhere"])
    tuned = tune_bag(more, "mean", LabeledTexts(texts, codes, held_out, 2), OPTIONS, seed=0)
    np.testing.assert_array_equal(tuned.vectors.vectors[-1], 0)
    assert tuned.vectors.tokens[-1] == "elsewhere" and tuned.vectors.counts[-1] == 1


def test_training_starts_where_the_probe_ended(vectors: WordVectors, labelled: tuple) -> None:
    texts, codes, held_out = labelled
    head = LinearHead(np.random.default_rng(3).normal(size=(4, 2)), np.array([0.3, -0.2]))
    tuned = tune_bag(vectors, "mean", LabeledTexts(texts, codes, held_out, 2), OPTIONS, seed=0, head=head)
    logs = head.log_probabilities(PooledEncoder(vectors, "mean").encode(texts.take(np.flatnonzero(held_out))))
    expected = -logs[np.arange(held_out.sum()), codes[held_out]].mean()
    assert tuned.losses[0][0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_a_start_at_random_forgets_the_vectors(vectors: WordVectors, labelled: tuple) -> None:
    texts, codes, held_out = labelled
    options = OPTIONS.model_copy(update={"start": "random"})
    first = tune_bag(vectors, "mean", LabeledTexts(texts, codes, held_out, 2), options, seed=0)
    other = WordVectors(WORDS, vectors.counts, 5 + vectors.vectors)
    second = tune_bag(other, "mean", LabeledTexts(texts, codes, held_out, 2), options, seed=0)
    np.testing.assert_array_equal(first.vectors.vectors, second.vectors.vectors)
    third = tune_bag(vectors, "mean", LabeledTexts(texts, codes, held_out, 2), options, seed=1)
    assert not np.allclose(first.vectors.vectors, third.vectors.vectors)


def test_the_best_pass_is_kept_and_the_best_step_size(vectors: WordVectors, labelled: tuple) -> None:
    texts, codes, held_out = labelled
    noisy = np.where(np.random.default_rng(4).random(len(codes)) < 0.3, 1 - codes, codes)
    options = OPTIONS.model_copy(update={"learning_rates": (1e-6, 1e-2, 0.5), "patience": 3})
    tuned = tune_bag(vectors, "mean", LabeledTexts(texts, noisy, held_out, 2), options, seed=0)
    best = min(tuned.losses, key=min)
    assert tuned.learning_rate == options.learning_rates[tuned.losses.index(best)]
    logs = tuned.head.log_probabilities(PooledEncoder(tuned.vectors, "mean").encode(texts.take(np.flatnonzero(held_out))))
    assert -logs[np.arange(held_out.sum()), noisy[held_out]].mean() == pytest.approx(min(best), rel=1e-4)


def test_the_first_step_is_adam_s_by_hand(vectors: WordVectors) -> None:
    """One text of one word, a head of known weights: the first step of Adam moves each number by the step size."""
    texts, codes = Texts(["wave", "tide"]), np.array([0, 1])
    head = LinearHead(np.array([[1.0, -1.0], [0.5, 0.0], [0.0, 0.5], [2.0, 1.0]]), np.zeros(2))
    options = BagTuningOptions(learning_rates=(0.01,), epochs=1, batch_size=1)
    tuned = tune_bag(vectors, "mean", LabeledTexts(texts, codes, np.array([False, True]), 2), options, seed=0, head=head)
    moved = tuned.vectors.vectors[0] - vectors.vectors[0]
    towards_first = np.sign(head.weights[:, 0] - head.weights[:, 1])  # minus the gradient of the log loss
    if len(tuned.losses[0]) == 2 and tuned.losses[0][1] <= tuned.losses[0][0]:
        np.testing.assert_allclose(moved, 0.01 * towards_first, atol=1e-5)
    else:
        np.testing.assert_array_equal(moved, 0)


def test_balanced_weights_by_hand_and_as_scikit_learn_has_them() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    codes = np.array([0, 0, 0, 1])
    np.testing.assert_allclose(class_weights(codes, 2, "balanced"), [4 / 6, 2])
    np.testing.assert_allclose(
        class_weights(codes, 2, "balanced"), compute_class_weight("balanced", classes=np.array([0, 1]), y=codes)
    )
    np.testing.assert_allclose(class_weights(codes, 2, "none"), [1, 1])


def test_sif_is_refused(vectors: WordVectors, labelled: tuple) -> None:
    texts, codes, held_out = labelled
    with pytest.raises(ValueError, match="sif cannot be fine-tuned"):
        tune_bag(vectors, "sif", LabeledTexts(texts, codes, held_out, 2), OPTIONS, seed=0)
