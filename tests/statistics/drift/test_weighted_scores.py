"""Scores on texts like new ones: by hand, under a planted shift, and where nothing overlaps."""

from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.statistics.drift.two_samples import FOLDS, separate_samples
from emb_pipeline.statistics.drift.weighted_scores import NewEstimate, UnitsAndNew, estimate_new_scores
from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means
from emb_pipeline.statistics.resampling import Resampling

NAMES = ["a", "b"]
RESAMPLING = Resampling(resamples=400)


def _place(old: np.ndarray, new: np.ndarray, noise: int = 4, seed: int = 0) -> UnitsAndNew:
    """Take texts that are places on a line, with some dimensions of noise."""
    rng, n = np.random.default_rng(seed), len(old)
    points = np.column_stack([np.concatenate([old, new]), rng.standard_normal((n + len(new), noise))])
    kernel = points @ points[:n].T / (noise + 1)
    folds = rng.permutation(len(points)) % FOLDS
    is_new = np.repeat([False, True], [n, len(new)])
    found = separate_samples(points @ points.T / (noise + 1), is_new, folds, np.arange(len(points)), RESAMPLING, 1)
    return UnitsAndNew(n, np.arange(n), kernel, folds, found.scores)


def _estimate(scores: np.ndarray, texts: UnitsAndNew, chosen: str = "a") -> NewEstimate:
    return estimate_new_scores(NAMES, scores, texts, np.arange(texts.n_units), "accuracy", chosen, RESAMPLING)


def test_a_planted_shift_is_found_again_and_changes_the_choice() -> None:
    rng = np.random.default_rng(3)
    old, new = rng.standard_normal(500), rng.standard_normal(500) + 1
    scores = np.column_stack([old < 0.5, old > -0.5]).astype(float)  # a is right on the left, b on the right
    texts = _place(old, new)
    found = _estimate(scores, texts)
    assert found.scores[0].embedding == "b" and found.lead is not None and found.lead.is_shown
    assert found.scores[0].weighted.low < np.mean(new > -0.5) < found.scores[0].weighted.high
    assert found.scores[0].tested.value == pytest.approx(scores[:, 1].mean())
    assert found.scores[0].tested.high < found.scores[0].weighted.low and 100 < found.n_effective < 400
    assert texts.weights.mean() == pytest.approx(1) and np.all(np.diff(texts.weights[np.argsort(texts.newness[:500])]) >= 0)


def test_texts_of_the_same_source_have_the_same_scores() -> None:
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 2, (300, 2)).astype(float)
    found = _estimate(scores, _place(rng.standard_normal(300), rng.standard_normal(300)))
    assert found.n_effective > 200
    for each in found.scores:
        assert each.weighted.low < each.tested.value < each.weighted.high


def test_the_effective_number_is_of_the_coefficients_of_the_item_scores() -> None:
    rng = np.random.default_rng(6)
    old, new = rng.standard_normal(120), rng.standard_normal(120) + 0.5
    texts, scores = _place(old, new), rng.random((120, 2))

    def value(changed: np.ndarray) -> float:
        return next(each.weighted.value for each in _estimate(changed, texts).scores if each.embedding == "a")

    before, changes = value(scores), []
    for unit in range(120):
        changed = scores.copy()
        changed[unit, 0] += 0.001
        changes.append((value(changed) - before) / 0.001)
    assert sum(changes) == pytest.approx(1, abs=1e-4)
    assert _estimate(scores, texts).n_effective <= 1 / np.sum(np.square(changes)) * 1.001


def test_the_chosen_embedding_that_stays_the_best_has_no_lead_over_itself() -> None:
    rng = np.random.default_rng(7)
    scores = np.column_stack([np.ones(100), np.zeros(100)])
    found = _estimate(scores, _place(rng.standard_normal(100), rng.standard_normal(100)))
    assert found.lead is not None and found.lead.embedding == found.lead.chosen == "a" and not found.lead.is_shown
    assert found.scores[0].weighted.value == 1 and found.scores[0].weighted.low > 0.9


def test_without_overlap_there_is_no_estimate() -> None:
    rng = np.random.default_rng(4)
    texts = _place(rng.standard_normal(200), rng.standard_normal(200) + 20)
    found = _estimate(np.ones((200, 2)), texts)
    assert texts.n_like_new == 0 and not found.scores and found.lead is None and found.n_effective == 0


def test_units_of_one_document_count_as_one() -> None:
    rng = np.random.default_rng(8)
    texts, scores = _place(rng.standard_normal(200), rng.standard_normal(200)), rng.random((200, 2))
    documents = np.repeat(np.arange(20), 10)
    found = estimate_new_scores(NAMES, scores, texts, documents, "accuracy", "a", RESAMPLING)
    assert found.n_effective < 21 and not found.scores


def test_a_weight_of_two_counts_as_two_units_in_a_resampled_mean_and_equal_weights_are_none() -> None:
    scores = np.random.default_rng(2).random((40, 3))
    one, other = (
        bootstrap_means(scores, n_resamples=50, rng=np.random.default_rng(0), weights=weights)
        for weights in (None, np.full(40, 3.0))
    )
    assert one == pytest.approx(other, abs=1e-5)
    weights = np.repeat([1.0, 2.0], 20)
    resampled = bootstrap_means(scores, n_resamples=4000, rng=np.random.default_rng(0), weights=weights)
    assert resampled.mean(axis=0) == pytest.approx(np.concatenate([scores, scores[20:]]).mean(axis=0), abs=0.01)
