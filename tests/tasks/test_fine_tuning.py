"""Fine-tuning on a task: what is trained on, what is predicted, and that scores are those of the predictions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.options import EncoderTuningOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.static.bag_tuning import LabeledTexts
from emb_pipeline.embeddings.static.options import BagTuningOptions, Word2VecOptions
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.errors import DataError
from emb_pipeline.tasks import fine_tuning
from emb_pipeline.tasks.classification import tune as classification_tune
from emb_pipeline.tasks.classification.evaluate import score_predictions
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.classification.tune import fine_tune_classification
from emb_pipeline.tasks.fine_tuning import Tunable
from emb_pipeline.tasks.probes.crf import find_best_allowed
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.retrieval.tune import fine_tune_retrieval
from emb_pipeline.text.held_out import compute_telling_keys
from emb_pipeline.text.texts import Texts

WORDS = ["wave", "tide", "reef", "cloud", "wind", "star", "clay", "root", "worm", "a", "b", "c", "d"]


@pytest.fixture
def tunable(tmp_path: Path) -> Tunable:
    rng = np.random.default_rng(0)
    vectors = WordVectors(WORDS, np.full(13, 5), rng.normal(size=(13, 2)).astype(np.float32))
    tuning = BagTuningOptions(learning_rates=(1e-2,), epochs=20)
    return Tunable(vectors, "word2vec", Word2VecOptions(pooling="mean"), tuning, 0, tmp_path / "t")


def test_every_text_is_predicted_once_by_a_model_that_was_not_trained_on_it(
    topics: ClassificationTask, tunable: Tunable, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_on: list[set[str]] = []
    tune = classification_tune.tune_bag

    def watched(vectors: WordVectors, pooling: str, labeled: LabeledTexts, *rest: object, **options: object) -> object:
        trained_on.append(set(labeled.texts))
        return tune(vectors, pooling, labeled, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(classification_tune, "tune_bag", watched)
    made = fine_tune_classification(topics, tunable, ClassificationOptions(folds=3))
    predictions = made.predictions["predictions"]
    assert sorted(predictions["unit_id"].to_pylist()) == sorted(topics.example_ids.tolist())
    assert len(trained_on) == 3
    text_of = dict(zip(topics.example_ids.tolist(), topics.texts, strict=True))
    for number, part in enumerate(np.array_split(predictions["unit_id"].to_pylist(), 3)):
        assert not {text_of[name] for name in part.tolist()} & trained_on[number]


def test_scores_are_those_of_the_predictions_and_better_than_chance(topics: ClassificationTask, tunable: Tunable) -> None:
    made = fine_tune_classification(topics, tunable, ClassificationOptions(folds=3))
    scored = score_predictions(topics, made.predictions, ClassificationOptions())
    logs = dict(zip(*(made.predictions["predictions"][name].to_pylist() for name in ("unit_id", "values")), strict=True))
    right = [np.argmax(logs[name]) == code for name, code in zip(topics.example_ids.tolist(), topics.codes, strict=True)]
    assert scored.metrics["accuracy"] == pytest.approx(np.mean(right))
    assert scored.metrics["accuracy"] > 0.8  # of three classes
    assert scored.dim == 2 and scored.bytes_per_item == 8


def test_an_official_validation_split_says_when_to_stop(topics: ClassificationTask, tunable: Tunable) -> None:
    split = np.array(["train", "validation", "test"])[np.arange(90) % 3]
    held_out = fine_tuning.choose_held_out(split[split != "test"], np.zeros(60), np.arange(60), tunable.tuning, 0)
    assert (held_out == (split[split != "test"] == "validation")).all()
    made = fine_tune_classification(replace(topics, split=split), tunable, ClassificationOptions())
    assert made.predictions["predictions"].num_rows == 30


def test_what_another_task_tests_is_not_learnt_from_but_still_predicted(
    topics: ClassificationTask, tunable: Tunable, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_on: set[str] = set()
    tune = classification_tune.tune_bag

    def watched(vectors: WordVectors, pooling: str, labeled: LabeledTexts, *rest: object, **options: object) -> object:
        trained_on.update(labeled.texts)
        return tune(vectors, pooling, labeled, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(classification_tune, "tune_bag", watched)
    texts = Texts([f"{text}.\nA sentence of {number} five words." for number, text in enumerate(topics.texts)])
    task = replace(topics, texts=texts)
    elsewhere = frozenset(compute_telling_keys("A SENTENCE of 7 five words! A sentence of 40 five words."))
    made = fine_tune_classification(task, replace(tunable, tested_elsewhere=elsewhere), ClassificationOptions(folds=3))
    assert set(texts) - trained_on == {texts[7], texts[40]}
    assert (made.n_learnt, made.n_left_out) == (len(texts) - 2, 2)
    assert sorted(made.predictions["predictions"]["unit_id"].to_pylist()) == sorted(task.example_ids.tolist())


def test_nothing_left_to_learn_from_is_refused(topics: ClassificationTask, tunable: Tunable) -> None:
    everything = frozenset(key for text in topics.texts for key in compute_telling_keys(text))
    with pytest.raises(DataError, match="90 of its 90 training examples hold a sentence that other tasks are tested on"):
        fine_tune_classification(topics, replace(tunable, tested_elsewhere=everything), ClassificationOptions(folds=3))


def test_test_examples_are_nothing_to_learn_from(topics: ClassificationTask, tunable: Tunable) -> None:
    task = replace(topics, split=np.array(["train", "train", "test"])[np.arange(90) % 3])
    trained_on = frozenset(
        key for text in task.texts.take(np.flatnonzero(task.split != "test")) for key in compute_telling_keys(text)
    )
    with pytest.raises(DataError, match="60 of its 60 training examples hold"):
        fine_tune_classification(task, replace(tunable, tested_elsewhere=trained_on), ClassificationOptions())


def test_an_example_is_left_out_for_either_of_its_texts(tunable: Tunable) -> None:
    elsewhere = replace(tunable, tested_elsewhere=frozenset(compute_telling_keys("one") | compute_telling_keys("four")))
    sides = ["one", "two", "three", "five"], ["six", "four", "seven", "eight"]
    assert elsewhere.select_learnable("pairs", np.arange(4), *sides).tolist() == [2, 3]


def test_tags_are_the_best_sequence_that_is_allowed() -> None:
    allowed = np.array([[True, True, False], [True, True, True], [True, True, True], [True, True, False]])
    scores = np.log(np.array([[0.4, 0.1, 0.5], [0.1, 0.3, 0.6], [0.2, 0.2, 0.6]]))
    assert find_best_allowed(scores, np.array([0, 3]), allowed).tolist() == [0, 1, 2]  # O B I: .4 × .3 × .6


def _search() -> RetrievalTask:
    passages = Texts(["one", "two", "three"])
    return RetrievalTask(
        "search",
        np.array(["q1"]),
        Texts(["first"]),
        np.array(["p1", "p2", "p3"]),
        passages,
        sp.csr_array(np.array([[1, 0, 0]], dtype=np.float32)),
        Texts(["second", "again first"]),
        sp.csr_array(np.array([[0, 1, 1], [1, 0, 0]], dtype=np.float32)),
    )


def test_training_pairs_leave_out_passages_that_answer_evaluated_queries() -> None:
    queries, passages = _search().training_pairs()
    assert list(zip(queries, passages, strict=True)) == [("second", "two"), ("second", "three")]


def test_queries_of_the_training_split_are_not_evaluated() -> None:
    tables = {
        "queries": pa.table({"query_id": ["q1", "q2"], "text": ["x", "y"], "split": ["train", "test"]}),
        "passages": pa.table({"passage_id": ["p1"], "text": ["z"]}),
        "qrels": pa.table({"query_id": ["q1", "q2"], "passage_id": ["p1", "p1"], "relevance": [1, 1]}),
    }
    task = RetrievalTask.from_tables(tables)
    assert (task.query_ids.tolist(), list(task.training_queries)) == (["q2"], ["x"])


def test_word_vectors_cannot_be_tuned_on_retrieval(tunable: Tunable) -> None:
    with pytest.raises(DataError, match="fine-tunes transformers alone"):
        fine_tune_retrieval(_search(), tunable, RetrievalOptions())


@pytest.mark.slow
def test_an_encoder_tuned_by_contrast_predicts_through_a_probe(tiny_transformer: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pairs = [["cat", "dog"] if label == "a" else ["dog", "cat"] for label in "ab" * 60]  # counts do not tell them apart
    texts = Texts(
        " ".join(["the", *pair, str(rng.choice(["sat", "on", "mat"])), str(number)]) for number, pair in enumerate(pairs)
    )
    split = np.array(["test" if number % 5 == 0 else "train" for number in range(120)])
    task = ClassificationTask("order", np.arange(120).astype(str), texts, np.array(list("ab" * 60)), split)
    base = EncoderFolder.write(tmp_path / "b", format="transformers", dim=16, vocabulary=9, model=tiny_transformer)
    tuning = EncoderTuningOptions(objective="contrast", epochs=6, learning_rate=3e-3, batch_size=8, patience=3)
    options = SentenceTransformerOptions(path=str(tiny_transformer))
    made = fine_tune_classification(
        task, Tunable(base, "sentence_transformer", options, tuning, 0, tmp_path / "t"), ClassificationOptions()
    )
    assert score_predictions(task, made.predictions, ClassificationOptions()).metrics["accuracy"] > 0.9
    assert isinstance(made.artifact, EncoderFolder) and made.artifact.fingerprint != base.fingerprint
