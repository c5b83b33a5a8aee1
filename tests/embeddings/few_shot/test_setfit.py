"""Encoders tuned on pairs of few labeled texts; the model is tiny and starts at random."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from emb_pipeline.embeddings.contextual.contextual_encoder import ContextualEncoder
from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.options import EncoderOptions, EncoderTuningOptions
from emb_pipeline.embeddings.contextual.training.tuning_loop import EncoderTraining
from emb_pipeline.embeddings.few_shot.options import SetFitOptions
from emb_pipeline.embeddings.few_shot.setfit import SetFit, compute_pair_loss, draw_steps
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.text.texts import Texts
from tests.conftest import WORDS

torch = pytest.importorskip("torch")
TEXTS = Texts(["cat sat on", "dog on mat", "the cat sat", "a dog mat", "cat the mat", "dog sat the", "on cat", "mat dog"])
CODES = np.array([0, 1] * 4)
OPTIONS = SetFitOptions(learning_rate=3e-3, max_steps=24)


@pytest.fixture(scope="module")
def encoder(tiny_transformer: Path, tmp_path_factory: pytest.TempPathFactory) -> ContextualEncoder:
    folder = tmp_path_factory.mktemp("base")
    made = EncoderFolder.write(folder, format="transformers", dim=16, vocabulary=len(WORDS), model=tiny_transformer)
    return ContextualEncoder(made, EncoderOptions())


def compute_cosines(vectors: np.ndarray) -> np.ndarray:
    scaled = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(scaled @ scaled.T)


def test_each_text_has_as_many_pairs_within_its_class_as_across() -> None:
    codes = np.repeat([0, 1, 2], [6, 4, 2])
    pairs = np.concatenate(draw_steps(codes, SetFitOptions(pairs_per_text=5, max_steps=1000), np.random.default_rng(0)))
    is_same = codes[pairs[:, 0]] == codes[pairs[:, 1]]
    assert len(pairs) == 2 * 5 * 12 and (pairs[:, 0] != pairs[:, 1]).all()
    for side in (is_same, ~is_same):
        assert np.bincount(pairs[side, 0]).tolist() == [5] * 12
    partners = {tuple(pair) for pair in pairs[pairs[:, 0] == 0].tolist()}
    assert {codes[other] for _, other in partners} == {0, 1, 2}


def test_steps_are_bounded_whatever_the_number_of_pairs() -> None:
    steps = draw_steps(np.arange(900) % 3, SetFitOptions(max_steps=7, batch_size=10), np.random.default_rng(0))
    assert [len(step) for step in steps] == [10] * 7


def test_the_loss_is_the_squared_error_of_the_cosines(encoder: ContextualEncoder) -> None:
    pairs = np.array([[0, 1], [0, 2], [3, 1], [4, 7]])
    cosines = compute_cosines(encoder.encode(TEXTS))
    by_hand = np.mean([(cosines[a, b] - (CODES[a] == CODES[b])) ** 2 for a, b in pairs])
    with EncoderTraining(encoder.folder, encoder.options, EncoderTuningOptions(), 0) as training, torch.no_grad():
        found = compute_pair_loss(training, training.reader.token_ids(TEXTS), pairs, CODES)
    assert float(found) == pytest.approx(by_hand, abs=1e-5)


def test_texts_of_a_class_move_together_those_that_were_not_seen_too(encoder: ContextualEncoder) -> None:
    unseen = Texts(["cat a mat", "sat cat", "dog a mat", "sat dog"])

    def gap(of: ContextualEncoder) -> float:
        cosines = compute_cosines(of.encode(unseen))
        return float(cosines[[0, 2], [1, 3]].mean() - cosines[:2, 2:].mean())

    tuned, vectors = SetFit(OPTIONS, encoder).fit_encode(TEXTS, CODES)
    assert gap(tuned) > gap(encoder) + 0.15
    np.testing.assert_array_equal(vectors, tuned.encode(TEXTS))
    again, other = (SetFit(OPTIONS, encoder).fit_encode(TEXTS, codes)[1] for codes in (CODES, 1 - CODES[::-1] * CODES))
    np.testing.assert_array_equal(again, vectors)
    assert (other != vectors).any()


def test_the_tuned_model_is_removed_with_its_encoder(encoder: ContextualEncoder) -> None:
    tuned, _ = SetFit(OPTIONS.model_copy(update={"max_steps": 1}), encoder).fit_encode(TEXTS, CODES)
    folder = tuned.folder.path
    assert folder.is_dir()
    del tuned
    gc.collect()
    assert not folder.exists() and not folder.parent.exists()


def test_one_class_alone_teaches_nothing(encoder: ContextualEncoder) -> None:
    assert SetFit(OPTIONS, encoder).fit_encode(TEXTS, np.zeros(8, dtype=np.int64))[0] is encoder


def test_what_cannot_be_tuned_is_refused(encoder: ContextualEncoder) -> None:
    with pytest.raises(DataError, match=r"setfit: tunes transformers that are run here, and no Tfidf"):
        SetFit(OPTIONS, Tfidf()).fit_encode(TEXTS, CODES)
    with pytest.raises(DataError, match=r"setfit: .*labels are values; leave the task out"):
        SetFit(OPTIONS, encoder).fit_encode(TEXTS, np.linspace(0, 1, 8))


def test_a_point_of_the_curve_is_tuned_on_its_own_labels_and_no_others() -> None:
    seen: list[tuple[int, list[int]]] = []

    class Watched(Tfidf):
        learns_from_labels = True

        def fit_encode(self, texts: Texts, labels: np.ndarray) -> tuple[object, object]:
            seen.append((len(texts), np.bincount(labels).tolist()))
            fitted = self.fit(texts)
            return fitted, fitted.encode(texts)

    words = [["sand tide", "moss owl", "tram lamp"][number % 3] + f" item{number}" for number in range(90)]
    labels, split = np.array(["sea", "wood", "town"] * 30), np.array((["train"] * 6 + ["test"] * 3) * 10)
    task = ClassificationTask("places", np.arange(90).astype(str), Texts(words), labels, split)
    options = ClassificationOptions(labels_per_class=(3, 10), label_draws=2, training_draws=0)
    found = evaluate_classification(task, Watched(), options, seed=0)
    assert sorted(seen) == [(9, [3, 3, 3])] * 2 + [(30, [10, 10, 10])] * 2 + [(60, [20, 20, 20])]
    assert [draw["n_labels"] for draw in found.label_draws] == [9, 9, 30, 30]
    with pytest.raises(
        DataError, match=r"places, labels_per_class: 20 labels of each class .* has 20 .*; ask for 19 at most"
    ):
        evaluate_classification(task, Watched(), options.model_copy(update={"labels_per_class": (20,)}), seed=0)
    evaluate_classification(task, Watched(), options.model_copy(update={"labels_per_class": (19,)}), seed=0)
