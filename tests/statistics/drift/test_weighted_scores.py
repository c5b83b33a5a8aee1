"""Scores weighted by how new units look: by hand, under a planted shift, and where nothing overlaps."""

from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.statistics.drift.weighted_scores import count_like_new, estimate_weights, weigh_scores
from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means
from emb_pipeline.statistics.resampling import Resampling

NAMES = ["a", "b"]


def _weigh(scores: np.ndarray, weights: np.ndarray, chosen: str = "a", n_like: float = np.inf):
    groups = np.arange(len(weights))
    return weigh_scores(NAMES, scores, weights, groups, "accuracy", chosen, Resampling(resamples=500), n_like=n_like)


def test_a_weight_of_two_counts_as_two_units() -> None:
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 2, (50, 2)).astype(float)
    weights = np.repeat([1.0, 2.0], 25)
    found = {each.embedding: each for each in _weigh(scores, weights).scores}
    doubled = np.concatenate([scores, scores[25:]])
    for column, name in enumerate(NAMES):
        assert found[name].weighted.value == pytest.approx(doubled[:, column].mean())
        assert found[name].tested.value == pytest.approx(scores[:, column].mean())


def test_equal_weights_are_no_weights() -> None:
    scores = np.random.default_rng(2).random((40, 3))
    one, other = (
        bootstrap_means(scores, n_resamples=50, rng=np.random.default_rng(0), weights=weights)
        for weights in (None, np.full(40, 3.0))
    )
    assert one == pytest.approx(other, abs=1e-5)
    found = _weigh(scores[:, :2], np.ones(40))
    assert found.n_effective == 40 and all(each.tested == each.weighted for each in found.scores)


def test_a_planted_shift_is_found_again_and_changes_the_choice() -> None:
    rng = np.random.default_rng(3)
    place, new = rng.standard_normal(600), rng.standard_normal(600) + 1
    scores = np.column_stack([place < 0.5, place > -0.5]).astype(float)  # a is right on the left, b on the right
    weights = estimate_weights(np.concatenate([place, new]), np.repeat([False, True], 600), place)
    found = _weigh(scores, weights)
    assert found.scores[0].embedding == "b" and found.lead is not None and found.lead.is_shown
    assert found.scores[0].weighted.low < np.mean(new > -0.5) < found.scores[0].weighted.high
    assert found.scores[0].tested.high < found.scores[0].weighted.low and 100 < found.n_effective < 400
    assert weights.mean() == pytest.approx(1) and weights.max() <= np.sqrt(600) * 1.5


def test_the_chosen_embedding_that_stays_the_best_has_no_lead_over_itself() -> None:
    scores = np.column_stack([np.ones(50), np.zeros(50)])
    lead = _weigh(scores, np.ones(50)).lead
    assert lead is not None and lead.embedding == lead.chosen == "a" and not lead.is_shown


def test_without_overlap_there_is_no_estimate() -> None:
    rng = np.random.default_rng(4)
    place, new = rng.standard_normal(200), rng.standard_normal(200) + 20
    weights = estimate_weights(np.concatenate([place, new]), np.repeat([False, True], 200), place)
    n_like = count_like_new(new, place)
    found = _weigh(np.ones((200, 2)), weights, n_like=n_like)
    assert n_like == 0 and not found.scores and found.lead is None
    few = np.concatenate([np.full(20, 10.0), np.full(180, 1e-9)])
    assert _weigh(np.ones((200, 2)), few).n_effective == pytest.approx(20) and not _weigh(np.ones((200, 2)), few).scores
