"""Correlations as means of one value per unit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means
from emb_pipeline.statistics.intervals.pseudo_values import compute_pearson, compute_spearman

Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def measured(n: int, *, ties: bool, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = 0.7 * x + rng.normal(size=n)
    return (np.round(x), (y > 0.3).astype(float)) if ties else (x, y)


CASES = [(compute_pearson, pearsonr), (compute_spearman, spearmanr)]


@pytest.mark.parametrize(("of_metric", "reference"), CASES)
@pytest.mark.parametrize("ties", [False, True])
def test_their_mean_is_the_metric(of_metric: Measure, reference: Callable[..., object], ties: bool) -> None:
    x, y = measured(200, ties=ties, seed=1)
    assert of_metric(x, y).mean() == pytest.approx(reference(x, y).statistic, abs=1e-12)


def test_three_pairs_by_hand() -> None:
    """r of (0, 1, 2) and (0, 2, 1) is 1/2; z-scores are (-a, 0, a) and (-a, a, 0) with a = √1.5."""
    values = compute_pearson(np.array([0.0, 1, 2]), np.array([0.0, 2, 1]))
    np.testing.assert_allclose(values, [0.5 + 1.5 - 0.25 * 3, 0.5 - 0.25 * 1.5, 0.5 - 0.25 * 1.5])


@pytest.mark.parametrize(("of_metric", "reference"), CASES)
@pytest.mark.parametrize("ties", [False, True])
def test_their_spread_is_that_of_the_jackknife(of_metric: Measure, reference: Callable[..., object], ties: bool) -> None:
    x, y = measured(300, ties=ties, seed=2)
    kept = ~np.eye(len(x), dtype=bool)
    left_out = np.array([reference(x[rows], y[rows]).statistic for rows in kept])
    jackknife = np.sqrt((len(x) - 1) * left_out.var())
    assert of_metric(x, y).std(ddof=1) / np.sqrt(len(x)) == pytest.approx(jackknife, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(("of_metric", "reference"), CASES)
def test_their_interval_is_that_of_the_resampled_metric(of_metric: Measure, reference: Callable[..., object]) -> None:
    x, y = measured(400, ties=False, seed=3)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(x), (1000, len(x)))
    resampled = np.quantile([reference(x[row], y[row]).statistic for row in rows], [0.025, 0.975])
    means = bootstrap_means(of_metric(x, y)[:, None], n_resamples=1000, rng=rng)[:, 0]
    np.testing.assert_allclose(np.quantile(means, [0.025, 0.975]), resampled, atol=0.02)


@pytest.mark.parametrize("of_metric", [compute_pearson, compute_spearman])
def test_what_does_not_vary_correlates_with_nothing(of_metric: Measure) -> None:
    np.testing.assert_array_equal(of_metric(np.ones(5), np.arange(5.0)), np.zeros(5))
