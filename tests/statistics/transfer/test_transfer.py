"""Scores within a domain and across: known values, and planted truths that intervals cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, read_task_scores
from emb_pipeline.statistics.transfer.table import compare_domains

NAMES = ("task.sparse", "domain.dense_8")


def scores_of(task: str, scores: np.ndarray) -> TaskScores:
    rows = [
        {
            "origin": name.partition(".")[0],
            "method": "m",
            "dim": None,
            "tuned": False,
            "seed": 0,
            "task": task,
            "label_fraction": 1.0,
            "unit_id": f"{unit}",
            "group_id": f"{unit}",
            "metric": "accuracy",
            "value": float(value),
            "embedding": name,
        }
        for name, column in zip(NAMES, scores.T, strict=True)
        for unit, value in enumerate(column)
    ]
    return next(iter(read_task_scores(pd.DataFrame(rows))))


def compare(within: np.ndarray, across: np.ndarray, resamples: int = 500) -> tuple[pd.DataFrame, pd.DataFrame]:
    tasks = scores_of("films", within), scores_of("shops", across)
    return compare_domains(*tasks, "accuracy", Resampling(resamples=resamples), same_training=True)


def test_a_change_is_the_difference_of_two_means_and_of_two_embeddings_the_difference_of_these() -> None:
    within = np.array([[1, 1], [1, 1], [1, 0], [0, 1]], dtype=float)  # .75 and .75
    across = np.array([[0, 1], [1, 1], [0, 1], [0, 0], [0, 0]], dtype=float)  # .2 and .6
    rows, pairs = compare(within, across)
    assert rows["embedding"].tolist() == list(NAMES)
    assert rows["change"].tolist() == pytest.approx([0.2 - 0.75, 0.6 - 0.75])
    assert rows[["n_within", "n_across"]].to_numpy().tolist() == [[4, 5]] * 2
    (pair,) = pairs.to_dict("records")
    assert pair["difference_within"] == pytest.approx(0) and pair["difference_across"] == pytest.approx(-0.4)
    assert pair["change"] == pytest.approx(-0.4)


def test_texts_of_two_tasks_of_equal_size_are_not_drawn_alike() -> None:
    scores = np.random.default_rng(0).integers(0, 2, size=(200, 2)).astype(float)
    rows, _ = compare(scores, scores)
    assert (rows["change"] == 0).all() and (rows["change_high"] - rows["change_low"] > 0.15).all()


@pytest.mark.slow
def test_intervals_cover_what_was_planted() -> None:
    """The probit of a text's difficulty is shared by both embeddings: their scores are paired, as real ones are."""
    rng, covered = np.random.default_rng(3), []
    truth = np.array([[0.85, 0.80], [0.60, 0.75]])  # within, across × sparse, dense
    for _ in range(300):
        parts = []
        for of_task, n in zip(truth, (150, 220), strict=True):
            shared = rng.random((n, 1)) < 0.5
            own = rng.random((n, 2))
            uniform = np.where(shared, own[:, :1], own)
            parts.append((uniform < of_task).astype(float))
        rows, pairs = compare(*parts, resamples=400)
        change = truth[1] - truth[0]
        hits = [
            (low <= true <= high) for low, high, true in zip(rows["change_low"], rows["change_high"], change, strict=True)
        ]
        between = change[0] - change[1]
        covered.append([*hits, pairs["change_low"].iloc[0] <= between <= pairs["change_high"].iloc[0]])
    assert (np.mean(covered, axis=0) > 0.92).all() and (np.mean(covered, axis=0) < 0.98).all()
