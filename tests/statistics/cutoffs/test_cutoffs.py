"""Cut-offs with a promise: hand-made cases, and simulations with planted truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from emb_pipeline.statistics.cutoffs.conformal import choose_threshold, count_needed
from emb_pipeline.statistics.cutoffs.cutoff import CUTOFF, BestScores, measure_cutoff
from emb_pipeline.statistics.cutoffs.roc_area import compute_roc_area, estimate_roc_area
from emb_pipeline.statistics.resampling import Resampling

FEW = Resampling(200)


def name(n: int, prefix: str = "") -> np.ndarray:
    return np.array([f"{prefix}{number:05d}" for number in range(n)])


def test_the_roc_area_is_that_of_scikit_learn_with_ties_and_with_nothing_found() -> None:
    rng = np.random.default_rng(0)
    yes, no = np.round(rng.normal(0.5, 1, 70), 1), np.round(rng.normal(0, 1, 40), 1)
    no[:5] = -np.inf
    finite = np.maximum(np.concatenate([yes, no]), -1e9)
    assert compute_roc_area(yes, no) == pytest.approx(roc_auc_score([1] * 70 + [0] * 40, finite))
    with pytest.raises(ValueError, match="both are needed"):
        compute_roc_area(yes, no[:0])


def test_the_threshold_is_the_smallest_that_keeps_the_level() -> None:
    scores = np.arange(1.0, 100.0)  # n = 99: k = ceil(100 * .95) = 95
    found = choose_threshold(scores, name(99), 0.05)
    assert found is not None and (found.value, found.n, found.expected) == (95.0, 99, 0.05)
    assert 0.05 < found.bound < 0.1
    assert count_needed(0.05) == 19 and count_needed(0.1) == 9 and count_needed(0.3) == 3
    at_least = choose_threshold(scores[:19], name(19), 0.05)
    assert at_least is not None and at_least.value == 19.0
    assert choose_threshold(scores[:18], name(18), 0.05) is None


def test_where_nothing_is_found_for_unanswerable_requests_whatever_is_found_is_enough() -> None:
    found = choose_threshold(np.full(50, -np.inf), name(50), 0.05)
    assert found is not None and np.isfinite(found.value) and -1e9 > found.value > -np.inf


def test_one_of_each_group_chooses() -> None:
    found = choose_threshold(np.repeat(np.arange(50.0), 4), np.repeat(name(50), 4), 0.1)
    assert found is not None and found.n == 50 and found.value == 45.0


def test_a_row_has_the_columns_and_says_why_there_is_no_cut_off() -> None:
    rng = np.random.default_rng(1)
    yes, no = rng.normal(3, 1, 60), rng.normal(0, 1, 18)
    right = np.ones(60, dtype=bool)
    few = measure_cutoff(BestScores(yes, right, name(60), no, name(18, "u")), 0.05, FEW)
    assert (
        set(few.as_row()) == set(CUTOFF) and not few.exists and "18 unanswerable" in few.reason and "needs 19" in few.reason
    )
    useless = measure_cutoff(
        BestScores(rng.normal(0, 1, 60), right, name(60), rng.normal(0, 1, 200), name(200, "u")), 0.05, FEW
    )
    assert not useless.exists and np.isfinite(useless.threshold) and "no larger share" in useless.reason
    good = measure_cutoff(BestScores(yes, right, name(60), rng.normal(0, 1, 200), name(200, "u")), 0.05, FEW)
    assert good.exists and good.recall.low < good.recall.value < good.recall.high and np.isnan(good.answered.value)


def test_queries_that_are_asked_twice_choose_or_are_measured() -> None:
    rng = np.random.default_rng(2)
    groups = name(101)
    found = measure_cutoff(
        BestScores(rng.normal(2, 1, 101), rng.random(101) < 0.7, groups, rng.normal(0, 1, 101), groups), 0.05, FEW
    )
    assert (found.n_calibration, found.n_recall) == (51, 50) and found.right.value < found.recall.value
    assert 0 <= found.answered.low <= found.answered.value <= found.answered.high


def test_another_scale_has_another_number_and_the_same_promise() -> None:
    rng = np.random.default_rng(4)
    yes, no, right = rng.normal(2, 1, 150), rng.normal(0, 1, 150), np.ones(150, dtype=bool)
    one = measure_cutoff(BestScores(yes, right, name(150), no, name(150, "u")), 0.05, FEW)
    other = measure_cutoff(BestScores(np.exp(yes), right, name(150), np.exp(no), name(150, "u")), 0.05, FEW)
    assert other.threshold == pytest.approx(np.exp(one.threshold))
    assert (other.recall, other.area, other.bound) == (one.recall, one.area, one.bound)
    assert (np.exp(no) > one.threshold).mean() > 3 * one.level  # the number alone, carried over, keeps no promise


def simulate(seed: int, n: int, size: int = 1) -> tuple[float, bool, bool]:
    """The true share of new unanswerable requests that get an answer, and whether the intervals hold the true values."""
    rng = np.random.default_rng(seed)
    shared = np.sqrt(0.5) * np.repeat(rng.normal(size=(2, n // size)), size, axis=1)
    own = np.sqrt(0.5) * rng.normal(size=(2, n))
    yes, no = 1.5 + shared[0] + own[0], shared[1] + own[1]
    groups = np.repeat(name(n // size), size)
    scores = BestScores(yes, np.ones(n, dtype=bool), groups, no, np.char.add("u", groups))
    found = measure_cutoff(scores, 0.05, Resampling(400, seed=seed))
    true_recall, true_area = norm.sf(found.threshold - 1.5), norm.cdf(1.5 / np.sqrt(2))
    return (
        float(norm.sf(found.threshold)),
        bool(found.recall.low <= true_recall <= found.recall.high),
        bool(found.area.low <= true_area <= found.area.high),
    )


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 4])
def test_the_promise_is_kept_and_the_intervals_hold_what_was_planted(size: int) -> None:
    answered, recall, area = zip(*(simulate(seed, 200, size) for seed in range(300)), strict=True)
    assert 0.93 <= 1 - np.mean(answered) <= 0.97  # refused, of new unanswerable requests
    assert np.mean(recall) >= 0.92 and np.mean(area) >= 0.92


def test_the_interval_of_the_area_holds_groups_together() -> None:
    rng = np.random.default_rng(3)
    yes, no = np.repeat(rng.normal(1, 1, 40), 5), np.repeat(rng.normal(0, 1, 40), 5)
    each, together = name(200), np.repeat(name(40), 5)
    alone = estimate_roc_area(yes, no, each, np.char.add("u", each), Resampling(500))
    grouped = estimate_roc_area(yes, no, together, np.char.add("u", together), Resampling(500))
    assert grouped.high - grouped.low > 1.7 * (alone.high - alone.low)
    assert np.isnan(estimate_roc_area(yes, no, each, np.repeat("u", 200), FEW).low)
