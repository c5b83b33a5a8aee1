"""Wins, losses and ties of pairs, against counts by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emb_pipeline.statistics.comparisons.differing_units import choose_differing_units
from emb_pipeline.statistics.comparisons.outcomes import count_outcomes, score_units
from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio
from emb_pipeline.statistics.score_tables import TaskScores


def task_scores(
    metrics: dict[str, np.ndarray], families: list[str], denominators: dict[str, np.ndarray] | None = None
) -> TaskScores:
    cells: list[dict[str, object]] = [{"family": family} for family in families]
    n_units = len(next(iter(metrics.values())))
    names = [f"e{column}" for column in range(len(families))]
    return TaskScores("topic", names, cells, np.arange(n_units), metrics, None, None, denominators=denominators or {})


def test_seeds_are_averaged_and_rounding_breaks_no_tie() -> None:
    values = np.array([[1.0, 0.0, 0.5], [0.1 + 0.2, 0.3, 0.3]])
    scores = score_units(task_scores({"accuracy": values}, ["a", "a", "b"]), "accuracy", ["a", "b"])
    np.testing.assert_array_equal(scores[:, 0], scores[:, 1])


def test_a_ratio_is_that_of_the_units_own_counts() -> None:
    """F1 of three sentences: one of two entities found; nothing there and nothing found; nothing there, one found."""
    hits, below = np.array([2.0, 0.0, 0.0]), np.array([3.0, 0.0, 1.0])
    found = task_scores({"f1": compute_ratio(hits, below)[:, None]}, ["a"], {"f1": below[:, None]})
    np.testing.assert_allclose(score_units(found, "f1", ["a"])[:, 0], [2 / 3, 1.0, 0.0])


def test_wins_losses_and_ties_are_counted_in_all_units_and_in_each_group() -> None:
    scores = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    of_group = np.array([0, 1])
    table = count_outcomes("topic", "accuracy", ["a", "b", "c"], scores, {"heart": (of_group, scores)})
    counted = {
        (row["embedding_a"], row["embedding_b"], None if pd.isna(row["group"]) else row["group"]): (
            row["wins"], row["losses"], row["ties"],
        )
        for row in table.to_dict("records")
    }  # fmt: skip
    assert counted == {
        ("a", "b", None): (2, 1, 1),
        ("a", "c", None): (1, 1, 2),
        ("b", "c", None): (0, 1, 3),
        ("a", "b", "heart"): (1, 1, 0),
        ("a", "c", "heart"): (0, 1, 1),
        ("b", "c", "heart"): (0, 1, 1),
    }
    assert table["group"].isna().tolist() == [True, False] * 3


def choose(scores: np.ndarray, per_pair: int = 6, most: int = 10**6) -> list[int]:
    lengths = np.full(len(scores), 100)
    return choose_differing_units(scores, [f"u{row}" for row in range(len(scores))], lengths, per_pair, most)


def test_every_pair_finds_units_in_both_directions() -> None:
    scores = np.random.default_rng(3).integers(0, 2, (400, 12)).astype(float)
    chosen = choose(scores)
    for a in range(12):
        for b in range(12):
            if a != b:
                assert (scores[chosen, a] > scores[chosen, b]).sum() >= 3
    assert len(chosen) < 60


def test_the_most_different_units_of_a_pair_are_chosen() -> None:
    scores = np.zeros((100, 2))
    scores[:50, 0] = np.linspace(0.01, 0.5, 50)
    scores[50:, 1] = np.linspace(0.01, 1, 50)
    assert choose(scores) == [47, 48, 49, 97, 98, 99]


def test_texts_are_no_longer_than_allowed_and_the_choice_is_the_same_each_time() -> None:
    scores = np.random.default_rng(4).random((300, 8))
    chosen = choose(scores, per_pair=50, most=2_000)
    assert len(chosen) == 20 and chosen == choose(scores, per_pair=50, most=2_000)


def test_units_that_none_differ_on_are_not_chosen() -> None:
    assert choose(np.ones((50, 3))) == [] and choose(np.ones((50, 1))) == []
