"""The gate has three answers, each with its error rate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.swap.common_units import CommonUnits
from emb_pipeline.statistics.swap.gate import GateRules, estimate_units_needed, judge_candidate

RULES = GateRules(0.02, 0.05, 0.05)


def _pair(deployed: np.ndarray, candidate: np.ndarray, groups: np.ndarray | None = None) -> CommonUnits:
    names = [str(number) for number in range(len(deployed))]
    return CommonUnits(names, deployed, candidate, np.array(names) if groups is None else groups, len(names), len(names))


def test_the_bounds_are_those_of_the_t_test() -> None:
    rng = np.random.default_rng(0)
    deployed = rng.normal(0.5, 0.2, 400)
    candidate = deployed + rng.normal(0.005, 0.1, 400)
    found = judge_candidate(_pair(deployed, candidate), "ndcg@10", RULES, Resampling(20_000, seed=1))
    differences = candidate - deployed
    half = stats.t.ppf(0.95, 399) * differences.std(ddof=1) / 20
    assert found.difference == pytest.approx(differences.mean())
    assert (found.low, found.high) == pytest.approx((differences.mean() - half, differences.mean() + half), abs=5e-4)
    p = stats.t.sf((differences.mean() + 0.02) / (differences.std(ddof=1) / 20), 399)
    assert found.p_not_inferior == pytest.approx(p, abs=2e-3)


def test_much_better_passes_and_much_worse_fails() -> None:
    rng = np.random.default_rng(1)
    scores = (rng.random(600) < 0.5).astype(float)
    worse = np.where(rng.random(600) < 0.3, 0.0, scores)
    assert judge_candidate(_pair(worse, scores), "accuracy", RULES, Resampling(2000)).outcome == "not inferior"
    assert judge_candidate(_pair(scores, worse), "accuracy", RULES, Resampling(2000)).outcome == "inferior"


def test_two_that_agree_on_a_handful_of_units_are_undecided() -> None:
    few = np.ones(12)
    found = judge_candidate(_pair(few, few), "accuracy", RULES, Resampling(2000))
    assert found.outcome == "undecided" and found.difference == 0


def test_one_group_says_nothing() -> None:
    found = judge_candidate(_pair(np.ones(5), np.zeros(5), np.array(["g"] * 5)), "accuracy", RULES, Resampling(200))
    assert found.outcome == "undecided" and found.difference == -1 and np.isnan(found.low)


def test_units_needed_follow_the_formula() -> None:
    # 100 units with a standard error of .02: (1.645 + .842)² · (.02 / .01)² · 100
    assert estimate_units_needed(0.02, 100, GateRules(0.01, 0.05, 0.05)) == pytest.approx(2473, abs=1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 5])
def test_a_candidate_at_the_margin_is_let_through_at_the_level(size: int) -> None:
    """Right and wrong answers, truly worse by exactly the margin; groups of five share their errors."""
    rng, n, passed, refused = np.random.default_rng(2), 300, 0, 0
    groups = np.array([str(number // size) for number in range(n)])
    for repeat in range(300):
        lost = np.repeat(rng.random(n // size) < 0.06, size)
        won = ~lost & np.repeat(rng.random(n // size) < 0.04 / 0.94, size)
        deployed = np.where(lost, 1.0, np.where(won, 0.0, 1.0))
        candidate = np.where(lost, 0.0, 1.0)
        found = judge_candidate(_pair(deployed, candidate, groups), "accuracy", RULES, Resampling(1000, seed=repeat))
        passed += found.outcome == "not inferior"
        refused += found.outcome == "inferior"
    assert passed <= stats.binom.ppf(0.999, 300, 0.05)
    assert refused <= stats.binom.ppf(0.999, 300, 0.05)
