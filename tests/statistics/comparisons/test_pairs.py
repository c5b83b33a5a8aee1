from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from emb_pipeline.statistics.comparisons.pairs import compare_pairs, run_sign_flip_tests
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.system_scores import SystemScores


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_p_values_are_those_of_scipy() -> None:
    scores = _rng(1).normal(loc=[0.5, 0.0], size=(25, 2))
    (p,), (adjusted,) = run_sign_flip_tests(scores, n_permutations=20_000, rng=_rng())
    known = stats.permutation_test(
        (scores[:, 0] - scores[:, 1],), np.sum, permutation_type="samples", n_resamples=20_000, rng=_rng()
    ).pvalue
    assert p == pytest.approx(known, abs=0.01)
    assert adjusted == p  # one pair: nothing to adjust


def test_p_by_hand_with_ties() -> None:
    """Differences 1, 1, 1: of 8 flips, +++ and --- reach the observed sum, so p is 1/4."""
    scores = np.array([[1.0, 0.0]] * 3)
    (p,), _ = run_sign_flip_tests(scores, n_permutations=40_000, rng=_rng())
    assert p == pytest.approx(0.25, abs=0.01)


def test_ties_count_in_spite_of_rounding() -> None:
    """Differences .1, .2, -.3 sum to zero but for rounding: every flip reaches that."""
    scores = np.array([[0.1, 0.0], [0.2, 0.0], [0.0, 0.3]]) + 0.1
    (p,), _ = run_sign_flip_tests(scores, n_permutations=500, rng=_rng())
    assert p == 1.0


def test_p_is_never_zero() -> None:
    scores = np.column_stack([np.ones(200), np.zeros(200)])
    (p,), (adjusted,) = run_sign_flip_tests(scores, n_permutations=99, rng=_rng())
    assert p == adjusted == 0.01


def test_identical_systems_have_p_of_one_and_do_not_disturb_the_others() -> None:
    first = _rng().random(50)
    scores = np.column_stack([first, first, first + 0.2 + 0.1 * _rng(1).random(50)])
    p, adjusted = run_sign_flip_tests(scores, n_permutations=999, rng=_rng())
    assert p[0] == adjusted[0] == 1.0
    assert p[1] == p[2] == adjusted[1] == adjusted[2] == 0.001


def test_adjusted_p_is_at_least_the_single_one_and_at_most_bonferronis() -> None:
    scores = _rng(3).normal(size=(60, 6)) + np.linspace(0, 0.6, 6)
    p, adjusted = run_sign_flip_tests(scores, n_permutations=9999, rng=_rng())
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, 15 * p) + 0.01).all()
    assert adjusted.min() < 0.05


def test_units_of_a_group_flip_together() -> None:
    """Ten copies of each of four units are four units: p cannot fall below 2/16."""
    scores = np.tile(np.array([[1.0, 0.0], [0.9, 0.0], [0.8, 0.0], [1.1, 0.0]]), (10, 1))
    groups = np.tile(np.arange(4), 10)
    (p,), _ = run_sign_flip_tests(scores, n_permutations=20_000, rng=_rng(), groups=groups)
    assert p == pytest.approx(1 / 8, abs=0.01)
    (naive,), _ = run_sign_flip_tests(scores, n_permutations=2_000, rng=_rng())
    assert naive < 0.001


def test_the_table_names_pairs_and_holds_differences_with_their_intervals() -> None:
    scores = _rng(4).normal(size=(300, 3)) * 0.5 + [1.0, 0.0, 0.0]
    rows = compare_pairs(SystemScores(scores, ["a", "b", "c"]), Resampling(permutations=999), rng=_rng()).to_pylist()
    assert [(row["embedding_a"], row["embedding_b"]) for row in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert rows[0]["difference"] == pytest.approx((scores[:, 0] - scores[:, 1]).mean())
    assert rows[0]["ci_low"] < rows[0]["difference"] < rows[0]["ci_high"]
    half = 1.96 * (scores[:, 0] - scores[:, 1]).std() / np.sqrt(300)
    assert rows[0]["ci_high"] - rows[0]["ci_low"] == pytest.approx(2 * half, rel=0.1)
    assert rows[0]["p_adjusted"] == 0.001 and rows[2]["p"] > 0.05
    assert rows[0]["n"] == 300


def test_chosen_pairs_are_adjusted_for_each_other_alone() -> None:
    scores = _rng(5).normal(loc=0.3 * np.eye(8)[0], size=(80, 8))
    all_pairs = run_sign_flip_tests(scores, n_permutations=4999, rng=_rng())[1]
    one = run_sign_flip_tests(scores, n_permutations=4999, rng=_rng(), pairs=[(0, 1)])
    assert one[0] == one[1]
    assert one[1][0] < all_pairs[0]


def test_one_system_has_no_pair() -> None:
    assert compare_pairs(SystemScores(np.ones((5, 1)), ["a"]), rng=_rng()).num_rows == 0


def test_names_must_fit_the_columns() -> None:
    with pytest.raises(ValueError, match="for 2 names"):
        compare_pairs(SystemScores(np.ones((5, 3)), ["a", "b"]), rng=_rng())


# Simulations. Pairs of columns (0, 1), (2, 3), … are independent experiments, tested with the same flips.

N_UNITS = 200


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["accuracy", "skewed"])
def test_single_tests_reject_a_true_null_at_their_level(metric: str) -> None:
    rng = _rng(11)
    n_experiments = 4000
    if metric == "accuracy":  # two equally good systems that agree on many units
        difficulty = rng.random((N_UNITS, n_experiments, 1))
        scores = (rng.random((N_UNITS, n_experiments, 2)) < difficulty).astype(float)
    else:
        scores = rng.exponential(size=(N_UNITS, n_experiments, 2)) + rng.exponential(size=(N_UNITS, n_experiments, 1))
    pairs = [(2 * i, 2 * i + 1) for i in range(n_experiments)]
    p, _ = run_sign_flip_tests(scores.reshape(N_UNITS, -1), n_permutations=999, rng=rng, pairs=pairs)
    assert 0.035 <= np.mean(p <= 0.05) <= 0.065
    assert p.min() >= 0.001


@pytest.mark.slow
def test_max_t_keeps_the_family_wise_error_rate_for_correlated_systems() -> None:
    """8 equally good systems, 28 pairs, 600 data sets: some pair is called different in about 5 % of them."""
    rng = _rng(12)
    false_findings = uncorrected = 0
    for _ in range(600):
        difficulty = rng.random((100, 1))
        scores = (rng.random((100, 8)) < difficulty).astype(float)
        p, adjusted = run_sign_flip_tests(scores, n_permutations=399, rng=rng)
        false_findings += adjusted.min() <= 0.05
        uncorrected += p.min() <= 0.05
    assert false_findings / 600 <= 0.065
    assert false_findings / 600 >= 0.025
    assert uncorrected / 600 > 0.3


def test_planted_effects_are_found_with_the_right_sign() -> None:
    rng = _rng(13)
    truth = np.array([0.8, 0.7, 0.7, 0.5])
    difficulty = rng.normal(size=(1500, 1))
    scores = (difficulty + rng.normal(size=(1500, 4)) < np.sqrt(2) * stats.norm.ppf(truth)).astype(float)
    rows = compare_pairs(SystemScores(scores, list("abcd")), Resampling(permutations=1999), rng=rng).to_pylist()
    for row in rows:
        expected = truth["abcd".index(row["embedding_a"])] - truth["abcd".index(row["embedding_b"])]
        if expected:
            assert row["p_adjusted"] <= 0.05 and np.sign(row["difference"]) == np.sign(expected)
            assert row["ci_low"] > 0
        else:
            assert row["p_adjusted"] > 0.05
