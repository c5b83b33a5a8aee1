"""Losses of evaluating the first few embeddings."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from emb_pipeline.statistics.closeness.grid_savings import estimate_savings, share_of_subsets, split_scores


def test_chance_is_the_mean_over_all_subsets() -> None:
    values = np.array([0.9, 0.7, 0.4, 0.1, 0.0])
    for k in range(1, 6):
        every = [max(subset) for subset in combinations(values, k)]
        assert share_of_subsets(5)[k - 1] @ values == pytest.approx(np.mean(every))


def test_losses_by_hand() -> None:
    """Put in the order c, a, b: c alone loses .9 - .5, and with a nothing is lost."""
    scores = np.array([0.9, 0.7, 0.5])
    found = estimate_savings(np.array([2, 0, 1]), [(scores, scores)])
    assert found.loss.tolist() == pytest.approx([0.4, 0.0, 0.0])
    assert found.loss_by_chance.tolist() == pytest.approx([0.9 - 0.7, 0.9 - (0.9 + 0.9 + 0.7) / 3, 0.0])


def test_the_luck_of_a_winner_is_in_neither_score() -> None:
    """Ten embeddings that are equally good: to evaluate all of them is worth nothing, and no loss is reported."""
    rng = np.random.default_rng(0)
    losses = []
    for _ in range(20):
        scores = rng.integers(0, 2, (300, 10)).astype(float)
        losses.append(estimate_savings(np.arange(10), list(split_scores(scores, np.arange(300), rng, 50))).loss[0])
    assert abs(np.mean(losses)) < 0.01
    assert np.mean(scores.mean(axis=0).max() - scores[:, 0].mean()) > 0.02


def test_units_of_a_group_stay_in_one_half() -> None:
    groups = np.repeat(np.arange(10), 3)
    scores = np.repeat(np.eye(10), 3, axis=0)
    for one, other in split_scores(scores, groups, np.random.default_rng(0), 5):
        assert ((one == 0) != (other == 0)).all() and one.sum() == pytest.approx(1)


def test_the_order_of_a_planted_measure_saves_most_of_the_grid() -> None:
    rng = np.random.default_rng(1)
    skill = np.linspace(0.4, 0.8, 12)
    scores = (rng.random((2000, 12)) < skill).astype(float)
    halves = list(split_scores(scores, np.arange(2000), rng))
    good, bad = (estimate_savings(order, halves) for order in (np.arange(12)[::-1], np.arange(12)))
    assert good.loss[1] < 0.005 < good.loss_by_chance[1] < bad.loss[1]
    assert good.loss[-1] == bad.loss[-1] == 0
