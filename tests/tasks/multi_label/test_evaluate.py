from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.contextual.options import EncoderTuningOptions, SentenceTransformerOptions
from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio
from emb_pipeline.tasks.fine_tuning import Tunable
from emb_pipeline.tasks.multi_label.evaluate import (
    compute_macro_f1,
    compute_ranking_precision,
    create_labeling_service,
    evaluate_multi_label,
    score_predictions,
)
from emb_pipeline.tasks.multi_label.export import TextLabeler
from emb_pipeline.tasks.multi_label.options import MultiLabelOptions
from emb_pipeline.tasks.multi_label.probe import count_agreement, find_best_threshold
from emb_pipeline.tasks.multi_label.task import MultiLabelTask, find_strata
from emb_pipeline.tasks.multi_label.tune import fine_tune_multi_label
from emb_pipeline.text.texts import Texts
from tests.tasks.conftest import EncoderPerFold, WordEncoder

OPTIONS = MultiLabelOptions(label_draws=0, training_draws=0, latency_requests=2, folds=3, log10_c_low=0, log10_c_high=2)
WORDS = {"sea": ["wave", "tide", "reef"], "sky": ["cloud", "wind", "star"], "soil": ["clay", "root", "worm"]}


@pytest.fixture
def places() -> MultiLabelTask:
    """120 texts with words of each of their labels: none, one, two or three of them."""
    rng = np.random.default_rng(5)
    texts, label_sets = [], []
    for number in range(120):
        labels = [label for label in WORDS if rng.random() < 0.4]
        words = [word for label in labels for word in rng.choice(WORDS[label], 2)]
        texts.append(" ".join([*words, *rng.choice(["a", "b", "c", "d"], 3), f"n{number}"]))
        label_sets.append(labels)
    return MultiLabelTask("places", np.array([f"e{n}" for n in range(120)]), Texts(texts), label_sets)


def test_labels_that_stand_in_the_words_are_found_and_shuffled_ones_are_not(places: MultiLabelTask) -> None:
    found = evaluate_multi_label(places, Tfidf(TfidfOptions()), OPTIONS, seed=0)
    shuffled = evaluate_multi_label(places, Tfidf(TfidfOptions()), OPTIONS, seed=0, shuffle_labels=True)
    assert found.metrics["micro_f1"] > 0.95 and found.metrics["lrap"] > 0.95 and found.metrics["macro_f1"] > 0.95
    share = places.targets.mean()
    assert shuffled.metrics["micro_f1"] < 2 * share / (1 + share) + 0.1  # all labels for every text
    assert shuffled.metrics["subset_accuracy"] < 0.5 < found.metrics["subset_accuracy"]


def test_each_fold_is_fitted_on_its_training_texts_alone(places: MultiLabelTask) -> None:
    encoder = EncoderPerFold()
    evaluate_multi_label(places, encoder, OPTIONS, seed=0)
    assert [len(texts) for texts in encoder.fitted_on] == [80, 80, 80]
    assert not set.intersection(*map(set, encoder.fitted_on))


def test_the_threshold_of_a_fold_is_chosen_without_its_test_texts(places: MultiLabelTask) -> None:
    """Other labels in the test part change no threshold, no C and no probability."""
    split = np.where(np.arange(120) < 80, "train", "test")
    other = [labels if part == "train" else ["sea"] for labels, part in zip(places.label_sets, split, strict=True)]
    tasks = [MultiLabelTask("t", places.example_ids, places.texts, sets, split) for sets in (places.label_sets, other)]
    one, two = (evaluate_multi_label(task, WordEncoder(), OPTIONS, seed=0) for task in tasks)
    assert one.details["folds"][0]["path"] == two.details["folds"][0]["path"]
    assert one.details["folds"][0]["threshold"] == two.details["folds"][0]["threshold"] != 0.5
    half = evaluate_multi_label(tasks[0], WordEncoder(), OPTIONS.model_copy(update={"threshold": "half"}), seed=0)
    assert half.details["folds"][0]["threshold"] == 0.5


def test_micro_f1_of_parts_and_of_resamples_of_the_labels_is_kept(places: MultiLabelTask) -> None:
    options = OPTIONS.model_copy(update={"label_draws": 2, "label_counts": (20, 60), "training_draws": 2})
    found = evaluate_multi_label(places, WordEncoder(), options, seed=0)
    counts = {(draw["n_labels"], draw["draw"]) for draw in found.label_draws}
    assert counts == {(20, 0), (20, 1), (60, 0), (60, 1)}
    table = found.item_scores.to_pandas()
    parts = table[table["label_fraction"] < 1]
    assert set(parts["metric"]) == {"micro_f1"} and parts.groupby("label_fraction").size().tolist() == [120, 120]
    drawn = found.training_draws
    assert drawn is not None and drawn.num_rows == 120 and len(drawn["values"][0]) == 2
    assert np.mean(drawn["values"].to_pylist()) == pytest.approx(found.metrics["micro_f1"], abs=0.15)


def test_texts_that_differ_in_case_alone_stay_together_and_count_as_one_group(places: MultiLabelTask) -> None:
    texts = Texts([*places.texts, places.texts[0].upper()])
    task = MultiLabelTask("t", np.append(places.example_ids, "copy"), texts, [*places.label_sets, places.label_sets[0]])
    table = evaluate_multi_label(task, Tfidf(TfidfOptions()), OPTIONS, seed=0).item_scores.to_pandas()
    assert set(table["group_id"][table["unit_id"].isin(["e0", "copy"])]) == {"e0"}


def test_rankings_with_ties_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    targets, scores = rng.random((200, 6)) < 0.3, np.round(rng.random((200, 6)), 1)
    targets[0], targets[1] = True, False
    expected = sklearn_metrics.label_ranking_average_precision_score(targets, scores)
    assert compute_ranking_precision(targets, scores).mean() == pytest.approx(expected)


def test_a_ranking_by_hand() -> None:
    """Right ones at places 1 and 3: (1/1 + 2/3) / 2."""
    found = compute_ranking_precision(np.array([[True, False, True]]), np.array([[0.9, 0.5, 0.1]]))
    assert found.tolist() == pytest.approx([(1 + 2 / 3) / 2])


def test_macro_f1_by_hand() -> None:
    """Label a: both found and one too many, F1 = 4/5; b: not found, 0; no text has c, so that it does not count."""
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=bool)
    predicted = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 1]], dtype=bool)
    assert compute_macro_f1(targets, predicted).mean() == pytest.approx(0.4)


@pytest.mark.parametrize("metric", ["micro", "macro"])
def test_pseudo_values_spread_as_the_metric_does_over_samples(metric: str) -> None:
    """Samples of 300 texts from one population: the standard error of the pseudo-values is the deviation of F1."""
    rng = np.random.default_rng(1)
    values, errors = [], []
    for _ in range(400):
        targets = rng.random((300, 5)) < np.array([0.5, 0.3, 0.2, 0.1, 0.05])
        predicted = np.where(rng.random((300, 5)) < 0.2, rng.random((300, 5)) < 0.2, targets)
        found = compute_macro_f1(targets, predicted)
        if metric == "micro":
            found = compute_ratio(*count_agreement(targets, predicted))
        values.append(float(found.mean()))
        errors.append(float(np.std(found)) / np.sqrt(300))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.1)


def test_the_best_threshold_is_the_one_of_all_cuts() -> None:
    rng = np.random.default_rng(2)
    probabilities = np.round(rng.random((60, 3)), 2)
    targets = rng.random((60, 3)) < probabilities**2
    cuts = np.unique(probabilities)
    by_hand = [sklearn_metrics.f1_score(targets, probabilities >= cut, average="micro") for cut in cuts]
    chosen = probabilities >= find_best_threshold(probabilities, targets)
    assert sklearn_metrics.f1_score(targets, chosen, average="micro") == pytest.approx(max(by_hand))


def test_the_threshold_of_right_probabilities_is_half_of_the_best_f1() -> None:
    """Lipton et al. 2014, theorem 1."""
    rng = np.random.default_rng(3)
    probabilities = rng.beta(0.4, 1.5, size=(200_000, 1))
    targets = rng.random(probabilities.shape) < probabilities
    threshold = find_best_threshold(probabilities, targets)
    best = sklearn_metrics.f1_score(targets, probabilities >= threshold)
    assert threshold == pytest.approx(best / 2, abs=0.02)


def test_the_stratum_of_a_text_is_its_rarest_label() -> None:
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 0, 1], [0, 0, 1]], dtype=bool)
    assert find_strata(targets).tolist() == [1, 0, 3, 2, 2]


def test_without_a_label_the_threshold_is_a_half() -> None:
    assert find_best_threshold(np.array([[0.2, 0.9]]), np.zeros((1, 2), dtype=bool)) == 0.5


def test_a_training_part_without_a_label_is_refused(places: MultiLabelTask) -> None:
    split = np.where(np.arange(120) < 80, "train", "test")
    nothing = [[] if part == "train" else ["sea"] for part in split]
    task = MultiLabelTask("t", places.example_ids, places.texts, nothing, split)
    with pytest.raises(DataError, match="a training part has no text with a label"):
        evaluate_multi_label(task, WordEncoder(), OPTIONS, seed=0)


def test_a_request_is_answered_with_a_probability_for_each_label(places: MultiLabelTask) -> None:
    service = create_labeling_service(places, WordEncoder(), OPTIONS, None)
    assert len(service.requests) == 2 and service.answer(service.requests[0]).shape == (1, 3)


def test_an_export_gives_labels_and_probabilities_and_is_read_back(places: MultiLabelTask, tmp_path: Path) -> None:
    TextLabeler.fit(places, Tfidf(TfidfOptions()), OPTIONS, seed=0).write(tmp_path)
    labeler = TextLabeler.from_folder(tmp_path)
    answers = labeler.answer(["wave tide reef and cloud wind star", "a b c d", "unheard of", None])
    assert set(answers["labels"][0]) == {"sea", "sky"} and answers["labels"][1] == []
    assert answers["probabilities"][0] == sorted(answers["probabilities"][0], reverse=True)
    assert len(answers["probabilities"][0]) == 2 and min(answers["probabilities"][0]) >= labeler.thresholds[0]
    assert answers["known"].tolist() == [True, True, False, False]
    assert answers["labels"][3] is None and "no text" in answers["error"][3]
    unknown = [label for label, share in zip(labeler.labels, labeler.shares, strict=True) if share >= labeler.thresholds[0]]
    assert sorted(answers["labels"][2]) == sorted(unknown)


@pytest.mark.slow
def test_an_encoder_is_tuned_on_label_sets_and_its_predictions_are_scored(tiny_transformer: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label_sets = [[name for name in ("cat", "dog") if rng.random() < 0.5] for _ in range(150)]
    texts = Texts(" ".join(["the", *labels, "sat", "on", str(n)]) for n, labels in enumerate(label_sets))
    split = np.array(["test" if number % 5 == 0 else "train" for number in range(150)])
    task = MultiLabelTask("pets", np.arange(150).astype(str), texts, label_sets, split)
    base = EncoderFolder.write(tmp_path / "b", format="transformers", dim=16, vocabulary=9, model=tiny_transformer)
    tuning = EncoderTuningOptions(epochs=6, learning_rate=3e-3, batch_size=8, patience=3)
    options = SentenceTransformerOptions(path=str(tiny_transformer))
    tunable = Tunable(base, "sentence_transformer", options, tuning, 0, tmp_path / "t")
    made = fine_tune_multi_label(task, tunable, MultiLabelOptions())
    scored = score_predictions(task, made.predictions, MultiLabelOptions())
    assert scored.metrics["micro_f1"] > 0.9
    margins = np.array(made.predictions["predictions"]["values"].to_pylist())
    targets = task.targets[split == "test"]
    assert scored.metrics["subset_accuracy"] == pytest.approx(((margins >= 0) == targets).all(axis=1).mean())
    assert isinstance(made.artifact, EncoderFolder) and made.artifact.fingerprint != base.fingerprint


@pytest.mark.parametrize("wrong", [{"objective": "contrast"}, {"class_weights": "balanced"}])
def test_tuning_for_one_class_a_text_is_refused(
    wrong: dict[str, str], places: MultiLabelTask, tiny_transformer: Path, tmp_path: Path
) -> None:
    base = EncoderFolder.write(tmp_path / "b", format="transformers", dim=16, vocabulary=9, model=tiny_transformer)
    options = SentenceTransformerOptions(path=str(tiny_transformer))
    tunable = Tunable(base, "sentence_transformer", options, EncoderTuningOptions(**wrong), 0, tmp_path / "t")
    name, value = next(iter(wrong.items()))
    with pytest.raises(DataError, match=f"{name}: {value} is for tasks with one class a text"):
        fine_tune_multi_label(places, tunable, MultiLabelOptions())
