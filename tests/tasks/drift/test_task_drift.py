"""Texts of tasks of several kinds, unknown words, and the verdict with what it means for the scores."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.diagnostics.drift.sample import draw_sample
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores
from emb_pipeline.tasks.drift.measure import NEW, ScoredTask, TaskDrift, measure_task_drift
from emb_pipeline.tasks.drift.task_texts import TaskTexts, find_task_texts
from emb_pipeline.tasks.drift.unknown_words import know_words, measure_unknown_words, merge_equal
from emb_pipeline.text.hashing import hash_text

RESAMPLING = Resampling(resamples=200)
LEFT, RIGHT = ([f"{side}{number}" for number in range(30)] for side in ("left", "right"))


def test_texts_of_test_units_and_of_training_rows_are_found_in_the_table_that_names_the_units() -> None:
    examples = pa.table({"example_id": ["1", "2", "3"], "text": ["a", "b", "c"], "split": ["train", "test", "validation"]})
    found = find_task_texts({"words": pa.table({"token": ["a"]}), "examples": examples}, ["2"])
    assert found is not None and found.tested == ["b"] and found.training == [("1", "a"), ("3", "c")]


def test_a_cross_validated_task_has_no_training_texts_and_a_pair_is_one_text() -> None:
    pairs = pa.table({"pair_id": ["1", "2"], "text_a": ["a", "b"], "text_b": ["c", "d"], "split": pa.nulls(2, pa.string())})
    found = find_task_texts({"pairs": pairs}, ["2", "1"])
    assert found is not None and found.tested == ["b\nd", "a\nc"] and found.training == []


def test_queries_are_the_texts_of_a_search_and_users_are_none() -> None:
    queries, passages = pa.table({"query_id": ["q"], "text": ["a"]}), pa.table({"passage_id": ["p"], "text": ["b"]})
    found = find_task_texts({"passages": passages, "queries": queries}, ["q"])
    assert found is not None and found.tested == ["a"]
    users = pa.table({"user_id": ["u"], "item_id": ["i"], "split": ["test"]})
    assert find_task_texts({"interactions": users}, ["u"]) is None


def test_unknown_words_are_counted_in_as_many_texts_of_both() -> None:
    tested, new = draw_sample("t", [("1", "a b c d"), ("2", "a a")]), draw_sample("n", [("3", "a x x y"), ("4", "b z")])
    found = measure_unknown_words("the corpora", tested, new, know_words(["a", "b", "c"]), RESAMPLING)
    assert found.tokens.first == pytest.approx(1 / 6) and found.tokens.second == pytest.approx(4 / 6)
    assert found.types == (1 / 4, 3 / 5) and found.common[0] == "x" and set(found.common) == {"x", "y", "z"}
    (merged,) = merge_equal([found, measure_unknown_words("b", tested, new, know_words("abc"), RESAMPLING)])
    assert merged.of == ["the corpora", "b"]


def _write(n: int, share: float, seed: int) -> list[str]:
    """Write texts, the first share of them in words of the right."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(RIGHT if row < share * n else LEFT, 8)) for row in range(n)]


def _measure(new: list[str], scores: np.ndarray | None = None) -> TaskDrift:
    texts = _write(200, 0.3, seed=0)
    is_right = np.arange(200) < 60
    values = np.column_stack([~is_right, is_right]).astype(float) if scores is None else scores
    names = [f"unit {row}" for row in range(200)]
    cells: list[dict[str, object]] = [{"origin": "task", "family": name} for name in ("of_left", "of_right")]
    found = TaskScores("t", ["of_left", "of_right"], cells, np.arange(200), {"accuracy": values}, None, None, units=names)
    task = ScoredTask("t", "classification", TaskTexts(texts, []), found, "accuracy", "of_left")
    sample = draw_sample(NEW, ((str(row), text) for row, text in enumerate(new)))
    hashes = frozenset(map(hash_text, new))
    return measure_task_drift(task, [], sample, hashes, {}, lambda _: None, RESAMPLING, n_examples=1)


def test_new_texts_of_the_same_source_are_similar_and_have_the_same_scores() -> None:
    found = _measure(_write(200, 0.3, seed=1))
    assert found.outcome == "similar" and found.n_known == 0 and found.estimate is not None
    assert found.estimate.scores[0].weighted.value == pytest.approx(0.7, abs=0.06)


def test_another_mixture_of_the_same_texts_changes_scores_and_choice() -> None:
    found = _measure(_write(200, 0.9, seed=1))
    assert found.outcome == "differs" and found.estimate is not None and found.estimate.lead is not None
    best = found.estimate.scores[0]
    assert best.embedding == "of_right" and best.weighted.value == pytest.approx(0.9, abs=0.06)
    assert best.tested.value == pytest.approx(0.3) and found.estimate.lead.is_shown


def test_texts_that_the_test_lacks_have_no_estimate_and_are_to_be_labeled() -> None:
    found = _measure([text.replace("left", "far") for text in _write(300, 0, seed=1)])
    assert found.outcome == "differs" and found.estimate is not None and not found.estimate.scores
    assert found.n_to_label == min(300, int(np.ceil((1.96 / 0.05) ** 2 * 0.7 * 0.3)))


def test_few_new_texts_are_undecided_and_test_texts_are_known_again() -> None:
    few = _measure(_write(5, 0.3, seed=1))
    assert few.outcome == "undecided" and few.new is None and few.estimate is None
    assert _measure(_write(200, 0.3, seed=0)).n_known == 200
