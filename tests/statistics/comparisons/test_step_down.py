"""Randomization tests of many differences together."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from emb_pipeline.statistics.comparisons.step_down import SeedVariance, Tested, run_step_down_tests
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance
from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio


def _pairs(n: int) -> np.ndarray:
    return np.array(list(combinations(range(n), 2)))


def test_step_down_by_hand() -> None:
    """Three systems on four units, all 16 flips written out: the largest against all, the next against those below it."""
    scores = np.array([[3.0, 1.0, 0.0], [2.0, 2.5, 0.0], [4.0, 0.0, 1.0], [2.0, 1.0, 1.5]])
    differences = np.array([scores[:, i] - scores[:, j] for i, j in combinations(range(3), 2)])
    lengths = np.sqrt((differences**2).sum(axis=1))
    flips = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    statistics = np.abs(flips @ differences.T) / lengths
    observed = np.abs(differences.sum(axis=1)) / lengths
    order = np.argsort(-observed)
    expected, so_far = np.zeros(3), 0.0
    for step, row in enumerate(order):
        largest = statistics[:, order[step:]].max(axis=1)
        so_far = max(so_far, float((largest >= observed[row] - 1e-9).mean()))
        expected[row] = so_far
    found = run_step_down_tests([Tested(scores, _pairs(3))], n_permutations=40_000, rng=np.random.default_rng(0))
    np.testing.assert_allclose(found.p_adjusted, expected, atol=0.015)
    np.testing.assert_allclose(found.p, (statistics >= observed - 1e-9).mean(axis=0), atol=0.015)
    np.testing.assert_allclose(found.difference, differences.mean(axis=1))


def test_what_was_rejected_no_longer_costs_the_others() -> None:
    """One system far behind the rest: its pairs are rejected, and a small difference needs to beat only what is left."""
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(200, 12)) + rng.normal(size=(200, 1))
    scores[:, :10] -= 3 * np.arange(1, 11)
    scores[:, 11] += 0.28
    whole = run_step_down_tests([Tested(scores, _pairs(12))], n_permutations=1999, rng=rng)
    alone = run_step_down_tests([Tested(scores[:, 10:], _pairs(2))], n_permutations=1999, rng=rng)
    assert whole.p_adjusted[-1] == pytest.approx(alone.p_adjusted[0], abs=0.02)
    assert whole.critical == pytest.approx(stats.norm.ppf(0.975), abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [[8], [1, 7], [4, 4]], ids=["all equal", "one leads", "two clusters"])
def test_no_true_null_is_rejected_more_often_than_said_whatever_else_differs(clusters: list[int]) -> None:
    rng = np.random.default_rng(2)
    levels = np.repeat(0.35 * np.arange(len(clusters)), clusters)
    pairs = _pairs(8)
    is_null = levels[pairs[:, 0]] == levels[pairs[:, 1]]
    false = 0
    for _ in range(400):
        sets = [
            Tested((rng.random((150, 8)) < 0.3 + levels + 0.2 * rng.random((150, 1))).astype(float), pairs) for _ in range(2)
        ]
        found = run_step_down_tests(sets, n_permutations=299, rng=rng)
        false += bool((found.p_adjusted[np.tile(is_null, 2)] <= 0.05).any())
    assert false / 400 <= 0.075
    assert false / 400 >= 0.02


@pytest.mark.slow
def test_variance_beyond_the_units_is_held_with_the_tails_of_its_few_draws() -> None:
    """Other labels move two systems apart: units alone call them different far too often, for any number of draws."""
    rng = np.random.default_rng(3)
    rejected = {"units": 0, "labels": 0}
    n, draws, sd = 600, 5, 0.05
    for _ in range(n):
        shifts = rng.normal(0, sd, size=(draws + 1, 2))
        scores = rng.normal(0, 0.5, size=(150, 2)) + shifts[0]
        covariance = np.cov(shifts[1:], rowvar=False)
        for name, extra in (("units", []), ("labels", [(ExtraVariance(covariance, draws - 1), np.eye(2))])):
            found = run_step_down_tests([Tested(scores, _pairs(2), extra=extra)], n_permutations=299, rng=rng)
            rejected[name] += found.p[0] <= 0.05
    assert rejected["units"] / n > 0.1
    assert 0.03 <= rejected["labels"] / n <= 0.07


def test_hypotheses_of_few_draws_do_not_rule_the_largest_of_all() -> None:
    """Three draws have the tails of two degrees of freedom: on the normal scale they cost the others nothing more."""
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(300, 6))
    known, unsure = ExtraVariance.create_zero(6), ExtraVariance(0.02 * np.eye(6), 2)
    critical = [
        run_step_down_tests([Tested(scores, _pairs(6), extra=[(each, np.eye(6))])], n_permutations=1999, rng=rng).critical
        for each in (known, unsure)
    ]
    assert 1.9 <= critical[1] <= 1.1 * critical[0]


@pytest.mark.slow
def test_an_average_over_tasks_is_tested_with_the_luck_that_its_trainings_share() -> None:
    rng = np.random.default_rng(5)
    rejected = {"independent": 0, "shared": 0}
    n, sd = 300, 0.05
    for _ in range(n):
        luck = rng.normal(0, sd, size=2)
        sets = [
            Tested(
                rng.normal(0, 0.5, size=(200, 2)) + luck,
                np.array([[0, 1]]),
                seed_weights=np.array([[1.0], [-1.0]]),
            )
            for _ in range(4)
        ]
        for name, covariance in (("independent", np.eye(4)), ("shared", np.ones((4, 4)))):
            seeds = SeedVariance(sd**2 * covariance, 200)
            members = [[(number, 0) for number in range(4)]]
            found = run_step_down_tests(sets, members, seeds=seeds, n_permutations=199, rng=rng)
            rejected[name] += found.p[-1] <= 0.05
    assert rejected["independent"] / n > 0.12
    assert 0.02 <= rejected["shared"] / n <= 0.085


@pytest.mark.slow
def test_swapping_the_counts_of_two_taggers_is_right_with_few_sentences() -> None:
    """F1 of 20 sentences, many without an entity: as means of pseudo-values its test rejects too often."""
    rng = np.random.default_rng(6)
    rejected = {"pseudo-values": 0, "counts": 0}
    n = 1500
    for _ in range(n):
        gold = rng.poisson(0.4, size=(20, 1))
        hits = rng.binomial(gold, 0.6, size=(20, 2))
        spurious = rng.poisson(0.15, size=(20, 2))
        above, below = 2.0 * hits, (gold + hits + spurious).astype(float)
        if not below.sum(axis=0).all():
            continue
        values = np.column_stack([compute_ratio(above[:, system], below[:, system]) for system in range(2)])
        for name, tested in (
            ("pseudo-values", Tested(values, _pairs(2))),
            ("counts", Tested(above, _pairs(2), denominators=below)),
        ):
            rejected[name] += run_step_down_tests([tested], n_permutations=199, rng=rng).p[0] <= 0.05
    assert rejected["pseudo-values"] / n > 0.08
    assert 0.015 <= rejected["counts"] / n <= 0.06  # about seven sentences count: few distinct swaps, so below the level


def test_counts_of_many_sentences_test_as_their_pseudo_values_do() -> None:
    rng = np.random.default_rng(7)
    gold = rng.poisson(1.5, size=(600, 1))
    hits = rng.binomial(gold, [0.6, 0.65, 0.5], size=(600, 3))
    above, below = 2.0 * hits, (gold + hits + rng.poisson(0.3, size=(600, 3))).astype(float)
    values = np.column_stack([compute_ratio(above[:, system], below[:, system]) for system in range(3)])
    counts, means = (
        run_step_down_tests([tested], n_permutations=4999, rng=np.random.default_rng(0))
        for tested in (Tested(above, _pairs(3), denominators=below), Tested(values, _pairs(3)))
    )
    np.testing.assert_allclose(counts.difference, means.difference, atol=0.002)
    np.testing.assert_allclose(counts.error, means.error, rtol=0.05)
    np.testing.assert_allclose(counts.p, means.p, atol=0.01)


def test_nothing_to_test() -> None:
    found = run_step_down_tests([Tested(np.ones((3, 1)), np.zeros((0, 2)))], n_permutations=99, rng=np.random.default_rng(0))
    assert found.p.size == 0
