"""Exchanged words in test texts: what is planted is found, and what is not is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import accuracy_score

from emb_pipeline.embeddings.sparse.options import TfidfOptions
from emb_pipeline.embeddings.sparse.word_counts import Tfidf
from emb_pipeline.statistics.grid_cells import GridCells, MetricRules
from emb_pipeline.statistics.leaderboard import build_leaderboard
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.tasks.classification.evaluate import evaluate_classification, score_predictions
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.swapped import build_swapped_predictions, swap_test_texts
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.evaluation import Evaluation
from emb_pipeline.tasks.metrics.swap_scores import FEWEST_SWAPPED, score_swapped
from emb_pipeline.tasks.registry import list_estimates, list_lower_metrics
from emb_pipeline.tasks.scores import CellIdentity, build_item_scores, stamp_item_scores
from emb_pipeline.tasks.tuned_predictions import COSTS
from emb_pipeline.text.texts import Texts
from tests.tasks.conftest import WordEncoder

PAIRS = {"names": [["Emily", "Lakisha"]]}
OPTIONS = ClassificationOptions.model_validate(
    {"label_draws": 0, "training_draws": 0, "latency_requests": 0, "swaps": PAIRS}
)


def make_task(*, name_tells: bool, n: int = 400, seed: int = 0) -> ClassificationTask:
    """Half of the texts have a name: by it alone one can tell their class, or it says nothing and other words do."""
    rng = np.random.default_rng(seed)
    labels = np.array(["good", "bad"])[rng.integers(2, size=n)]
    names = np.array(["Emily", "Lakisha"])[rng.integers(2, size=n)]
    if name_tells:
        names = np.where((labels == "good") ^ (rng.random(n) < 0.05), "Emily", "Lakisha")
    words = {"good": "warm bright fine".split(), "bad": "cold dark poor".split()}
    texts = []
    for row, label in enumerate(labels):
        tells = not name_tells or row % 2
        word = words[label][rng.integers(3)] if tells else "plain"
        texts.append(f"{names[row] if not row % 2 else 'nobody'} {word} n{row}")
    split = np.where(rng.random(n) < 0.5, "train", "test")
    return ClassificationTask("t", np.array([f"e{row}" for row in range(n)]), Texts(texts), labels, split)


def measure(task: ClassificationTask) -> tuple[Evaluation, pd.DataFrame]:
    found = evaluate_classification(task, Tfidf(TfidfOptions()), OPTIONS, seed=0)
    scores = stamp_item_scores(found.item_scores, CellIdentity("task", "tfidf", "t"))
    of_cell = {"task": "t", "embedding": "task.tfidf", "kind": "classification"}
    cells = pd.DataFrame([{**of_cell, "metric": name, "value": value} for name, value in found.metrics.items()])
    rules = MetricRules({"t": "accuracy"}, list_lower_metrics(), list_estimates())
    board = build_leaderboard(scores, GridCells("x", cells), rules, Resampling(500, 99))
    return found, board.set_index("metric")


def test_a_probe_that_uses_the_name_changes_its_predictions_and_loses_what_the_name_told() -> None:
    task = make_task(name_tells=True)
    found, board = measure(task)
    n = sum(part == "test" and "nobody" not in text for text, part in zip(task.texts, task.split, strict=True))
    assert found.metrics["swapped_names"] == n > FEWEST_SWAPPED
    assert found.metrics["changed_names"] > 0.9
    assert found.metrics["lost_names"] > 0.75 and board.loc["lost_names", "ci_low"] > 0.6
    assert found.metrics["accuracy_names"] < 0.2
    assert board.loc["changed_names", "ci_high"] <= 1


def test_a_probe_that_uses_other_words_changes_nothing() -> None:
    found, board = measure(make_task(name_tells=False))
    assert found.metrics["changed_names"] <= 0.02 and abs(found.metrics["lost_names"]) <= 0.02
    for metric in ("lost_names", "samegap_names"):
        assert not board.loc[metric, "ci_low"] > 0 and not board.loc[metric, "ci_high"] < 0


def test_exchanged_words_are_estimates_without_significance_groups() -> None:
    _, board = measure(make_task(name_tells=True))
    assert board.loc[["changed_names", "lost_names", "samegap_names"], "letters"].isna().all()
    assert pd.isna(board.loc["swapped_names", "ci_low"]) and not pd.isna(board.loc["changed_names", "ci_low"])


def test_where_no_prediction_changes_what_is_lost_has_no_interval_and_what_changes_has_one() -> None:
    ids, label = np.array([f"u{row}" for row in range(60)]), np.arange(60) % 2
    found = score_swapped("x", label, label, np.arange(60), label, np.array(["first", "second"] * 30))
    table = build_item_scores(ids, ids, {"accuracy": np.arange(60) % 3 > 0, **found.values}, weights=found.weights)
    cells = GridCells("x", pd.DataFrame({"task": ["t"], "embedding": ["task.m"], "kind": ["classification"]}))
    rules = MetricRules({"t": "accuracy"}, (), list_estimates())
    scores = stamp_item_scores(table, CellIdentity("task", "m", "t"))
    board = build_leaderboard(scores, cells, rules, Resampling(300, 99)).set_index("metric")
    assert board.loc[["lost_x", "samegap_x"], "ci_low"].isna().all() and board.loc["lost_x", "value"] == 0
    assert board.loc["changed_x", "ci_low"] == 0 and 0.02 < board.loc["changed_x", "ci_high"] < 0.15


def test_other_scores_are_those_of_a_task_without_exchanged_words() -> None:
    task = make_task(name_tells=True)
    found, _ = measure(task)
    plain = evaluate_classification(task, Tfidf(TfidfOptions()), OPTIONS.model_copy(update={"swaps": {}}), seed=0)
    kept = set(plain.item_scores["metric"].to_pylist())
    rows = [row for row in found.item_scores.to_pylist() if row["metric"] in kept]
    assert rows == plain.item_scores.to_pylist()
    assert not any("_names" in metric for metric in plain.metrics)


def test_only_test_texts_with_a_word_of_the_list_are_encoded_again() -> None:
    class TextsSeen(WordEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[list[str]] = []

        def encode(self, texts: Texts) -> np.ndarray:
            self.seen.append(list(texts))
            return super().encode(texts)

    task, encoder = make_task(name_tells=False), TextsSeen()
    evaluate_classification(task, encoder, OPTIONS, seed=0)
    whole, again = encoder.seen
    assert whole == list(task.texts)
    tested = [text for text, part in zip(task.texts, task.split, strict=True) if part == "test" and "nobody" not in text]
    exchanged = {"Emily": "Lakisha", "Lakisha": "Emily"}
    assert again == [" ".join(exchanged.get(word, word) for word in text.split()) for text in tested]


def test_with_folds_every_text_is_exchanged_once() -> None:
    task = make_task(name_tells=True)
    by_folds = ClassificationTask(task.name, task.example_ids, task.texts, task.labels)
    found, _ = measure(by_folds)
    assert found.metrics["swapped_names"] == 200 and found.metrics["changed_names"] > 0.9


def test_too_few_texts_are_counted_and_not_scored() -> None:
    task = make_task(name_tells=True, n=60)
    found, _ = measure(task)
    assert 0 < found.metrics["swapped_names"] < FEWEST_SWAPPED
    assert not any(metric.startswith(("changed", "lost", "gap", "samegap")) for metric in found.metrics)


def test_a_tuned_model_is_scored_from_its_predictions_as_a_probe_is() -> None:
    task = make_task(name_tells=True)
    tested = np.flatnonzero(task.split == "test")
    swapped = swap_test_texts(task.texts, tested, OPTIONS.word_swaps, "t")
    rng = np.random.default_rng(1)
    logs = np.log(rng.dirichlet([1, 1], size=len(tested)))
    swapped[0].predicted[:] = rng.integers(2, size=len(swapped[0].rows))
    predictions = {
        "predictions": pa.table({"unit_id": task.example_ids[tested].tolist(), "values": logs.tolist()}),
        "costs": pa.table({"dim": [2], "encode_seconds": [0.0], "bytes_per_item": [8.0]}, schema=COSTS),
        "swapped": build_swapped_predictions(swapped, task.example_ids),
    }
    found = score_predictions(task, predictions, OPTIONS)
    rows, places = swapped[0].rows, np.searchsorted(tested, swapped[0].rows)
    accuracy = accuracy_score(task.codes[rows], swapped[0].predicted)
    assert found.metrics["accuracy_names"] == pytest.approx(accuracy)
    as_they_are = accuracy_score(task.codes[rows], logs.argmax(axis=1)[places])
    assert found.metrics["lost_names"] == pytest.approx(as_they_are - accuracy)


# scores by hand


def score(sides: list[str], right: list[int], right_swapped: list[int], copies: int = 30) -> dict[str, float]:
    n = len(sides) * copies
    label = np.zeros(n, dtype=int)
    predicted, swapped = (1 - np.array(values * copies) for values in (right, right_swapped))
    return score_swapped("x", label, predicted, np.arange(n), swapped, np.array(sides * copies)).metrics


def test_scores_of_four_texts_by_hand() -> None:
    # of the first side: one right, one wrong; of the second: one wrong; one without a word, which does not count
    found = score(["first", "first", "second", ""], [1, 0, 0, 1], [0, 0, 1, 0])
    assert found["swapped_x"] == 90 and found["firstside_x"] == 60 and found["secondside_x"] == 30
    assert found["changed_x"] == pytest.approx(2 / 3)
    assert found["accuracy_x"] == pytest.approx(1 / 3) and found["lost_x"] == pytest.approx(0)
    assert found["gap_x"] == pytest.approx(1 - 0.5)
    # with the first side: right, wrong, right; with the second: wrong, wrong, wrong
    assert found["samegap_x"] == pytest.approx(1 - 1 / 3)


def test_a_text_with_words_of_both_sides_counts_for_changes_and_not_for_gaps() -> None:
    found = score(["first", "second", "both"], [1, 1, 1], [1, 1, 0])
    assert found["changed_x"] == pytest.approx(1 / 3) and found["samegap_x"] == pytest.approx(0) == found["gap_x"]


def test_copies_of_one_text_are_no_further_texts() -> None:
    n = 100
    groups = np.arange(n) // 10
    zeros = np.zeros(n, dtype=int)
    assert set(score_swapped("x", zeros, zeros, groups, zeros, np.full(n, "first")).values) == set()


def draw_outcomes(rng: np.random.Generator, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right as it is and exchanged, for each text, both with .55.

    Texts of the first side are right as they are with .85, and exchanged with .55; those of the second with .75 and .65. So
    .3 change on both sides, .2 are lost, .6 are right when exchanged, and words of the second side bring (.3 - .1) / 2 more
    errors.
    """
    drawn = rng.random(len(sides))
    only_before, only_after = np.where(sides == "second", 0.2, 0.3), np.where(sides == "second", 0.1, 0.0)
    after_too = 0.55 + 0 * only_before
    right = drawn < after_too + only_before
    swapped = (drawn < after_too) | (drawn >= 1 - only_after)
    return right.astype(int), swapped.astype(int)


@pytest.mark.slow
def test_intervals_of_planted_shares_cover_them() -> None:
    rng, covered = np.random.default_rng(5), []
    rules = MetricRules({"t": "accuracy"}, (), list_estimates())
    cells = pd.DataFrame({"task": ["t"], "embedding": ["task.m"], "kind": ["classification"]})
    truth = {"changed_x": 0.3, "accuracy_x": 0.6, "lost_x": 0.2, "samegap_x": 0.1}
    for _ in range(200):
        n = 300
        sides = rng.choice(["", "first", "second"], size=n, p=[0.4, 0.3, 0.3])
        right, swapped = draw_outcomes(rng, sides)
        label = np.zeros(n, dtype=int)
        found = score_swapped("x", label, 1 - right, np.arange(n), 1 - swapped, sides)
        ids = np.array([f"u{row}" for row in range(n)])
        table = build_item_scores(ids, ids, {"accuracy": right.astype(float), **found.values}, weights=found.weights)
        scores = stamp_item_scores(table, CellIdentity("task", "m", "t"))
        board = build_leaderboard(scores, GridCells("x", cells), rules, Resampling(400, 99)).set_index("metric")
        covered.append([board.loc[name, "ci_low"] <= value <= board.loc[name, "ci_high"] for name, value in truth.items()])
    assert (np.mean(covered, axis=0) > 0.9).all()
