from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from emb_pipeline.statistics.intervals.bootstrap import (
    bootstrap_means,
    compute_effective_number,
    compute_mean_intervals,
    compute_percentile_interval,
)
from emb_pipeline.statistics.resampling import draw_multinomial_counts, draw_signs


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_each_resample_draws_as_many_units_as_there_are() -> None:
    counts = np.concatenate(list(draw_multinomial_counts(7, 1000, _rng())))
    assert counts.shape == (1000, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert counts.mean() == 1
    assert counts.var() == pytest.approx(6 / 7, abs=0.05)  # of a binomial with n = 7, p = 1/7


def test_signs_are_minus_and_plus_one_in_equal_parts() -> None:
    signs = draw_signs(13, 2000, _rng())
    assert signs.shape == (2000, 13)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(signs.mean()) < 0.02
    assert abs(np.corrcoef(signs.T) - np.eye(13)).max() < 0.1


def test_the_interval_is_that_of_scipy_widened_to_students_t() -> None:
    scores = _rng(1).gamma(2.0, size=(60, 1))
    (ours,) = compute_mean_intervals(scores, n_resamples=20_000, rng=_rng())
    known = stats.bootstrap(
        (scores[:, 0],), np.mean, n_resamples=20_000, method="percentile", rng=_rng()
    ).confidence_interval
    mean, widening = scores.mean(), np.sqrt(60 / 59) * stats.t.ppf(0.975, 59) / stats.norm.ppf(0.975)
    assert ours.value == pytest.approx(mean)
    assert ours.low == pytest.approx(mean + (known.low - mean) * widening, abs=0.01)
    assert ours.high == pytest.approx(mean + (known.high - mean) * widening, abs=0.01)


def test_a_mean_of_normal_scores_has_students_interval() -> None:
    scores = _rng(4).normal(size=(6, 1))
    (ours,) = compute_mean_intervals(scores, n_resamples=100_000, rng=_rng())
    known = stats.t.interval(0.95, 5, scores.mean(), stats.sem(scores[:, 0]))
    assert ours.high - ours.low == pytest.approx(known[1] - known[0], rel=0.05)  # without widening 30 % less


def test_all_systems_share_their_resamples() -> None:
    scores = _rng().random((40, 1))
    both = bootstrap_means(np.hstack([scores, scores + 1]), n_resamples=50, rng=_rng())
    np.testing.assert_allclose(both[:, 1] - both[:, 0], 1, atol=1e-6)


def test_percentiles_by_hand() -> None:
    interval = compute_percentile_interval(50, np.arange(101.0), level=0.9)
    assert (interval.value, interval.low, interval.high) == pytest.approx((50, 5, 95))


def test_duplicated_units_in_groups_do_not_narrow_the_interval() -> None:
    scores = _rng().random((50, 1))
    alone = np.ptp(np.percentile(bootstrap_means(scores, n_resamples=5000, rng=_rng()), [2.5, 97.5]))
    repeated, groups = np.tile(scores, (4, 1)), np.tile(np.arange(50), 4)
    grouped = np.ptp(np.percentile(bootstrap_means(repeated, n_resamples=5000, rng=_rng(), groups=groups), [2.5, 97.5]))
    naive = np.ptp(np.percentile(bootstrap_means(repeated, n_resamples=5000, rng=_rng()), [2.5, 97.5]))
    assert grouped == pytest.approx(alone, rel=0.05)
    assert naive == pytest.approx(alone / 2, rel=0.05)


def test_groups_of_unequal_size_weigh_by_their_units() -> None:
    scores, groups = np.array([[0.0], [0.0], [0.0], [1.0]]), np.array(["a", "a", "a", "b"])
    made = bootstrap_means(scores, n_resamples=200, rng=_rng(), groups=groups)[:, 0] - 0.25
    a, b = np.concatenate(list(draw_multinomial_counts(2, 200, _rng()))).T
    plain = b / (3 * a + b) - 0.25  # aa: 0, ab: 0.25, bb: 1
    freedom = compute_effective_number(np.array([3, 1])) - 1
    assert freedom == pytest.approx(16 / 10 - 1)
    widening = np.sqrt(2 * freedom / stats.chi2.ppf((np.arange(200) + 0.5) / 200, freedom))
    moved = plain != 0
    np.testing.assert_array_equal(made[~moved], 0)
    assert np.isclose((made[moved] / plain[moved])[:, None], widening, rtol=1e-4).any(axis=1).all()


@pytest.mark.parametrize("groups", [None, ["g"] * 3])
def test_one_unit_or_group_cannot_be_resampled(groups: list[str] | None) -> None:
    scores = np.ones((1 if groups is None else 3, 1))
    with pytest.raises(ValueError, match="at least two"):
        bootstrap_means(scores, n_resamples=10, rng=_rng(), groups=None if groups is None else np.array(groups))


@pytest.mark.parametrize("draw", ["accuracy", "skewed"])
def test_95_percent_intervals_cover_the_truth_in_93_to_97_percent(draw: str) -> None:
    """3,000 samples of 200 units: each is a system of its own, so that one product makes all intervals."""
    rng = _rng(7)
    scores, truth = (rng.random((200, 3000)) < 0.7, 0.7) if draw == "accuracy" else (rng.gamma(3.0, size=(200, 3000)), 3.0)
    low, high = np.percentile(bootstrap_means(scores, n_resamples=1000, rng=rng), [2.5, 97.5], axis=0)
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.97


def test_intervals_of_grouped_units_cover_too() -> None:
    rng = _rng(8)
    groups = np.repeat(np.arange(100), 3)
    scores = np.repeat(rng.normal(size=(100, 2000)), 3, axis=0) + 0.5 * rng.normal(size=(300, 2000))
    low, high = np.percentile(bootstrap_means(scores, n_resamples=1000, rng=rng, groups=groups), [2.5, 97.5], axis=0)
    assert 0.93 <= np.mean((low <= 0) & (high >= 0)) <= 0.97
