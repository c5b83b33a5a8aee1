"""Spearman's ρ over embeddings that come in clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from emb_pipeline.statistics.closeness.rank_association import correlate_ranks, estimate_rank_association


def draw_embeddings(n_clusters: int, rho: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw two normal values of embeddings with this correlation, of clusters of one to three, alike within (ICC .8)."""
    clusters = np.repeat(np.arange(n_clusters), rng.integers(1, 4, n_clusters))
    root = np.linalg.cholesky([[1.0, rho], [rho, 1.0]])
    between, within = (rng.standard_normal((n, 2)) @ root.T for n in (n_clusters, len(clusters)))
    both = np.sqrt(0.8) * between[clusters] + np.sqrt(0.2) * within
    return both[:, 0], both[:, 1], clusters


def test_the_correlation_is_scipys_with_ties_too() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 5, 20).astype(float), rng.standard_normal(20)
    assert correlate_ranks(one, other) == pytest.approx(spearmanr(one, other).statistic)
    assert np.isnan(correlate_ranks(np.ones(5), other[:5]))


def test_the_correlation_by_hand() -> None:
    """1 - 6 Σd² / (n (n² - 1)) with d = 0, 1, -1, 0."""
    assert correlate_ranks(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])) == pytest.approx(1 - 6 * 2 / (4 * 15))


@pytest.mark.parametrize("n_clusters", [6, 8])
@pytest.mark.parametrize("planted", [0.0, 0.8])
def test_the_interval_covers_a_planted_correlation(n_clusters: int, planted: float) -> None:
    """Of 400 data sets, 20 may miss by plan; 34 would be met by chance once in a thousand times. Of no correlation, these
    are the false claims."""
    rng = np.random.default_rng(1)
    true = 6 / np.pi * np.arcsin(planted / 2)
    found = [estimate_rank_association(*draw_embeddings(n_clusters, planted, rng)) for _ in range(400)]
    missed = sum(not each.low <= true <= each.high for each in found)
    assert missed <= 34
    if planted == 0:
        assert sum(each.p <= 0.05 for each in found) == missed


def test_many_clusters_recover_a_planted_correlation() -> None:
    """With eight clusters the mean of ρ is .06 too low: few embeddings seldom hold the extremes."""
    rng = np.random.default_rng(4)
    found = [estimate_rank_association(*draw_embeddings(60, 0.8, rng)).rho for _ in range(20)]
    assert np.mean(found) == pytest.approx(6 / np.pi * np.arcsin(0.4), abs=0.03)


def test_ignoring_clusters_would_claim_too_much() -> None:
    rng = np.random.default_rng(2)
    drawn = [draw_embeddings(8, 0.0, rng) for _ in range(200)]
    alone = [estimate_rank_association(one, other, np.arange(len(one))).p <= 0.05 for one, other, _ in drawn]
    assert np.mean(alone) > 0.1


def test_a_perfect_order_still_has_a_width() -> None:
    values = np.arange(8.0)
    found = estimate_rank_association(values, values, np.arange(8))
    assert found.rho == pytest.approx(1) and found.low < 0.9 and found.p < 0.05


def test_noise_of_the_test_units_widens_the_interval() -> None:
    rng = np.random.default_rng(3)
    one, other, clusters = draw_embeddings(12, 0.5, rng)
    still = estimate_rank_association(one, other, clusters, np.tile(other, (50, 1)))
    noisy = estimate_rank_association(one, other, clusters, other + rng.standard_normal((50, len(other))))
    assert still == estimate_rank_association(one, other, clusters)
    assert noisy.low < still.low and noisy.rho == still.rho


def test_five_clusters_have_a_correlation_and_no_interval() -> None:
    found = estimate_rank_association(np.arange(10.0), np.arange(10.0), np.repeat(np.arange(5), 2))
    assert found.rho == pytest.approx(1) and np.isnan(found.p) and np.isnan(found.low) and found.n_clusters == 5


def test_values_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="do not match"):
        estimate_rank_association(np.arange(3.0), np.arange(4.0), np.arange(3))
