"""Scores of few draws of few labels: other labels would move them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.statistics.decision.affordable_labels import find_affordable_labels
from emb_pipeline.statistics.decision.non_inferiority import check_non_inferiority
from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.learning_curves.label_luck import estimate_label_luck, estimate_label_variance
from emb_pipeline.statistics.system_scores import SystemScores


def _draws(values: np.ndarray, n_labels: int = 100, n_all: int = 1000, folds: int = 1) -> pd.DataFrame:
    """Of families a, b, …: a row of ``values`` for each draw."""
    return pd.DataFrame(
        [
            {
                "family": "abcdefgh"[j],
                "n_labels": n_labels,
                "label_fraction": n_labels / n_all,
                "class_share": n_labels / n_all,
                "folds": folds,
                "draw": i,
                "value": value,
            }
            for i, row in enumerate(values)
            for j, value in enumerate(row)
        ]
    )


def test_luck_has_the_spread_of_independent_sets_of_labels_and_what_is_shared_cancels() -> None:
    rng = np.random.default_rng(0)
    values = 0.7 + 0.02 * rng.standard_normal((60, 1)) + 0.001 * rng.standard_normal((60, 2))
    luck = estimate_label_variance(_draws(values), ["b", "a"], 0.1).draw_deviations(20_000, rng)
    expected = np.sqrt((1 / 60 + 0.1 / 0.9) * 59 / 57) * values.std(axis=0, ddof=1)  # t with 59 degrees of freedom
    np.testing.assert_allclose(luck.std(axis=0), expected[::-1], rtol=0.03)
    assert np.ptp(luck, axis=1).std() < 0.1 * luck[:, 0].std()
    assert not estimate_label_variance(_draws(values[:1]), ["a"], 0.1).draw_deviations(5, rng).any()
    with pytest.raises(ValueError, match=r"c lacks draws of 0\.1 of the labels"):
        estimate_label_variance(_draws(values), ["a", "c"], 0.1).draw_deviations(5, rng)


def test_folds_share_their_labels_so_the_luck_of_the_set_does_not_average_out() -> None:
    values = 0.7 + 0.02 * np.random.default_rng(2).standard_normal((5, 1))
    split, folds = (estimate_label_variance(_draws(values, folds=n), ["a"], 0.1).covariance[0, 0] for n in (1, 5))
    variance, overlap = values.var(ddof=1), 0.1 / 0.9
    assert split == pytest.approx(variance * (1 / 5 + overlap))
    assert folds == pytest.approx(variance * (1 / 5 + 4 * overlap))


@pytest.mark.slow
def test_an_inferior_embedding_is_let_through_by_lucky_draws_unless_these_are_counted() -> None:
    rng = np.random.default_rng(1)
    without = counted = 0
    for _ in range(150):
        shared = np.sqrt(0.1) * rng.standard_normal(3)
        shifts = 0.03 * (shared + np.sqrt(0.9) * rng.standard_normal((3, 3)))
        means = np.array([0.70, 0.69, 0.69]) + shifts
        scores = rng.normal(means.mean(axis=0), 0.1, size=(500, 3))
        part = Scored.of_units(Criterion("t", "accuracy", 0.01), SystemScores(scores, list("abc")), n_resamples=300, rng=rng)
        luck = estimate_label_variance(_draws(means), part.embeddings, 0.1).draw_deviations(300, rng)
        without += bool((check_non_inferiority(part)[0][1:] <= 0.05).any())
        counted += bool((check_non_inferiority(replace(part, resampled=part.resampled + luck))[0][1:] <= 0.05).any())
    assert without > 25 and counted <= 13  # 5 % of 150, and two standard deviations


def test_scores_of_other_numbers_of_labels_are_named() -> None:
    draws = pd.concat([_draws(np.ones((3, 1))), _draws(np.ones((3, 1)), 300)])
    found = {labels: find_affordable_labels(draws, labels) for labels in (None, 20, 100, 250, 1000, 5000)}
    assert {labels: each.fraction for labels, each in found.items()} == {
        None: 1.0,
        20: 0.1,
        100: 0.1,
        250: 0.1,
        1000: 1.0,
        5000: 1.0,
    }
    assert found[20].note == "scores of 100 labels stand for 20: fewer were not measured"
    assert found[250].note == "scores of 100 labels stand for 250" and found[100].note == found[None].note == ""
    assert find_affordable_labels(draws.iloc[:0], 20).note == "scores of all labels stand for 20: fewer were not measured"
    assert "one draw of labels" in find_affordable_labels(_draws(np.ones((1, 1))), 100).note


def test_draws_of_as_many_labels_of_each_class_hold_the_luck_of_a_small_class() -> None:
    """Each label adds its part to the score; 10 of 40 labels of one class and 10 of 400 of another are drawn."""
    rng, sizes, k, n_draws, estimates, means = np.random.default_rng(0), (40, 400), 10, 5, [], []
    share = np.mean([k / size for size in sizes])
    for _ in range(600):
        parts = [rng.standard_normal(size) for size in sizes]
        drawn = np.array([[sum(rng.choice(part, k, replace=False).mean() for part in parts)] for _ in range(n_draws)])
        means.append(drawn.mean())
        estimates.append(estimate_label_luck(drawn, drawn, overlap=share / (1 - share)).covariance[0, 0])
    assert np.mean(estimates) == pytest.approx(np.var(means), rel=0.15)
