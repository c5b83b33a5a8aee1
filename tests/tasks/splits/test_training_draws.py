"""Resamples of the training labels: who is in them, what is scored, and that the statistics read what is written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from emb_pipeline.embeddings.sparse.word_counts import OneHot, Tfidf
from emb_pipeline.statistics.intervals.extra_variance import estimate_training_variance
from emb_pipeline.statistics.score_tables import read_task_scores
from emb_pipeline.tasks.classification.evaluate import evaluate_classification
from emb_pipeline.tasks.classification.options import ClassificationOptions
from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.tasks.scores import CellIdentity, build_training_draws, stamp_item_scores
from emb_pipeline.tasks.sequence_labeling.evaluate import evaluate_sequence_labeling
from emb_pipeline.tasks.sequence_labeling.options import SequenceLabelingOptions
from emb_pipeline.tasks.sequence_labeling.task import SequenceLabelingTask
from emb_pipeline.tasks.splits.training_draws import TrainingDraws

FEW = ClassificationOptions(folds=3, label_draws=0, training_draws=4, latency_requests=0)


def values_of(table: pa.Table) -> np.ndarray:
    return np.array(table["values"].to_pylist())


def test_a_resample_draws_groups_with_replacement_and_never_a_test_example() -> None:
    groups = np.array([0, 0, 0, 3, 4, 5, 6, 7])
    learnt = np.arange(6)
    drawn = TrainingDraws.plan("accuracy", learnt=learnt, groups=groups, n_units=2, n_draws=500)
    assert not drawn.copies[:, 6:].any()
    assert (drawn.copies[:, :3] == drawn.copies[:, :1]).all()  # duplicates come together
    n_groups_drawn = drawn.copies[:, [0, 3, 4, 5]].sum(axis=1)
    assert set(n_groups_drawn.tolist()) == {4}
    assert drawn.copies[:, 3].mean() == pytest.approx(1, abs=0.15) and drawn.copies[:, 3].max() > 1


def test_a_folds_part_of_a_resample_has_each_example_as_often_as_it_was_drawn() -> None:
    drawn = TrainingDraws.plan("accuracy", learnt=np.arange(9), groups=np.arange(9), n_units=9, n_draws=2)
    train = np.array([1, 4, 5, 8])
    for draw, rows in drawn.resamples(train):
        assert np.bincount(rows, minlength=4).tolist() == drawn.copies[draw, train].tolist()


def test_every_embedding_and_every_seed_learn_from_the_same_resamples(topics: ClassificationTask) -> None:
    split = np.array(["test" if row % 3 == 0 else "train" for row in range(len(topics.codes))])
    task, options = replace(topics, split=split), FEW.model_copy(update={"log10_c_high": -1.0, "widen_decades": 0})
    one, again, seeded = (evaluate_classification(task, OneHot(), options, seed=seed).training_draws for seed in (0, 0, 5))
    assert one is not None and one.equals(again) and one.equals(seeded)
    assert one["unit_id"].to_pylist() == task.example_ids[split == "test"].tolist()


@pytest.mark.slow
def test_what_an_evaluation_writes_the_statistics_read_in_the_order_of_the_units(topics: ClassificationTask) -> None:
    encoders = {"task.one_hot": OneHot(), "task.tfidf": Tfidf()}
    found = {name: evaluate_classification(topics, encoder, FEW, seed=0) for name, encoder in encoders.items()}
    scores, draws = [], []
    for name, evaluation in found.items():
        assert evaluation.training_draws is not None
        order = np.random.default_rng(len(name)).permutation(evaluation.training_draws.num_rows)
        draws.append(build_training_draws(evaluation.training_draws.take(order), name, "topics"))
        scores.append(
            stamp_item_scores(
                evaluation.item_scores, CellIdentity(origin="task", method=name, task="topics", embedding=name)
            )
        )
    (read,) = read_task_scores(pa.concat_tables(scores), training_draws=pa.concat_tables(draws))
    tables = [evaluation.training_draws for evaluation in found.values()]
    stacked = np.stack([values_of(table).T for table in tables], axis=2)
    assert stacked.shape == (4, len(topics.codes), 2)
    evaluated = found["task.one_hot"].item_scores
    unit_of = dict(zip(evaluated["unit_id"].to_pylist(), evaluated["group_id"].to_pylist(), strict=True))
    groups = np.unique([unit_of[unit] for unit in tables[0]["unit_id"].to_pylist()], return_inverse=True)[1]
    expected = estimate_training_variance(stacked, groups, int(groups.max()) + 1)
    np.testing.assert_allclose(read.training["accuracy"].covariance, expected.covariance, atol=1e-9)
    assert read.training["accuracy"].freedom == 3


def test_a_resample_of_one_class_predicts_it() -> None:
    texts = ["red wine", "blue sky", "red rose", "blue sea", "green tea"]
    task = ClassificationTask.from_tables(
        {
            "examples": pa.table(
                {
                    "example_id": [f"e{row}" for row in range(5)],
                    "text": texts,
                    "label": ["r", "b", "r", "b", "b"],
                    "split": ["train", "train", "test", "test", "test"],
                }
            )
        }
    )
    options = ClassificationOptions(label_draws=0, training_draws=20)
    draws = evaluate_classification(task, OneHot(), options, seed=0).training_draws
    assert draws is not None
    per_draw = values_of(draws).T
    assert {tuple(row) for row in per_draw.tolist()} >= {(1.0, 0.0, 0.0), (0.0, 1.0, 1.0)}  # r alone, b alone


@pytest.mark.slow
def test_there_are_resamples_with_folds_or_few_labels_unless_an_option_says_otherwise(topics: ClassificationTask) -> None:
    given: list[tuple[int, dict[str, int]]] = [(10, {}), (0, {"training_draws": 0}), (2, {"training_draws": 2})]
    for n_draws, options in given:
        evaluation = evaluate_classification(
            topics, OneHot(), ClassificationOptions.model_validate({"label_draws": 0, **options}), seed=0
        )
        assert evaluation.training_draws is not None
        assert evaluation.training_draws.num_rows == (len(topics.codes) if n_draws else 0)
        assert evaluation.details.get("training_draws", {"n": 0})["n"] == n_draws
    shuffled = evaluate_classification(topics, OneHot(), FEW, seed=0, shuffle_labels=True)
    assert shuffled.training_draws is not None and not shuffled.training_draws.num_rows


def test_tagging_scores_each_sentence_by_each_resample() -> None:
    rows = [([f"w{row % 7}", "takes", "aspirin" if row % 2 else "tea"], row) for row in range(30)]
    task = SequenceLabelingTask(
        "drugs",
        np.array([f"s{row}" for _, row in rows]),
        [tokens for tokens, _ in rows],
        [["O", "O", "B-Drug" if row % 2 else "O"] for _, row in rows],
        np.array(["test" if row % 3 == 0 else "train" for _, row in rows]),
    )
    options = SequenceLabelingOptions(window=0, training_draws=3)
    found = evaluate_sequence_labeling(task, OneHot(), options, seed=0)
    assert found.training_draws is not None and values_of(found.training_draws).shape == (10, 3)
    assert set(found.training_draws["metric"].to_pylist()) == {"f1"}
    np.testing.assert_allclose(values_of(found.training_draws).mean(axis=0), 1.0)
    assert found.details["training_draws"]["n"] == 3
