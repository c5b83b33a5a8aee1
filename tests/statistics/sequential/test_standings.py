"""Embeddings that can no longer be chosen, before all units are scored."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from emb_pipeline.statistics.sequential.family import find_level
from emb_pipeline.statistics.sequential.standings import EarlyRules, find_standings

RULES = EarlyRules(n_total=10_000, n_embeddings=3, margin=0.02, level=0.05)


def _draw(n: int = 600) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    ease = rng.random(n)
    return {
        name: (ease + rng.normal(0, 0.1, n) < mean).astype(float)
        for name, mean in (("best", 0.8), ("near", 0.79), ("far", 0.5))
    }


def test_what_is_clearly_worse_is_dropped_and_what_may_be_as_good_stays() -> None:
    found = find_standings(_draw(), RULES)
    assert {name: each.is_dropped for name, each in found.items()} == {"best": False, "near": False, "far": True}
    far = found["far"]
    assert far.best == "best" and far.allowed < far.behind < found["best"].value - far.value
    assert all(each.low < each.value < each.high for each in found.values()) and found["near"].behind < 0.02


def test_nothing_is_dropped_against_one_that_may_not_be_chosen() -> None:
    found = find_standings(_draw(), RULES, rivals=["near"])
    assert found["far"].best == "near" and not found["best"].is_dropped
    alone = find_standings(_draw(), RULES, rivals=[])
    assert not any(each.is_dropped for each in alone.values()) and alone["far"].best == "far"


def test_many_embeddings_need_more_units() -> None:
    scores = _draw(100)
    few = find_standings(scores, RULES)["far"].behind
    many = find_standings(scores, EarlyRules(10_000, 100, 0.02, 0.05))["far"].behind
    assert many < few


def test_with_all_units_the_bound_is_the_difference_itself() -> None:
    scores = _draw(500)
    found = find_standings(scores, EarlyRules(500, 3, 0.02, 0.05))
    assert found["far"].behind == pytest.approx(float((scores["best"] - scores["far"]).mean()))
    assert found["far"].low == pytest.approx(found["far"].high)


def test_with_few_units_in_all_less_than_the_margin_is_too_far_to_be_shown() -> None:
    found = find_standings(_draw(), EarlyRules(700, 3, 0.02, 0.05))
    differences = _draw()["best"] - _draw()["far"]
    expected = max(0.02 - norm.isf(0.05) * differences.std(ddof=1) / np.sqrt(700), 0.0)
    assert found["far"].allowed == pytest.approx(expected) and expected < 0.02


def test_the_level_of_those_that_remain_has_the_critical_value_of_all() -> None:
    level = find_level(0.05, 3, 6)
    critical = norm.isf(find_level(0.05, 2, 6))  # of one comparison
    correlated = 0.5 * np.eye(5) + 0.5
    assert multivariate_normal(np.zeros(5), correlated).cdf(np.full(5, critical)) == pytest.approx(0.95, abs=1e-3)
    assert multivariate_normal(np.zeros(2), correlated[:2, :2]).cdf(np.full(2, critical)) == pytest.approx(
        1 - level, abs=1e-4
    )
    assert find_level(0.05, 6, 6) == 0.05


def test_the_best_and_what_all_units_would_choose_are_dropped_in_at_most_the_level_of_orders() -> None:
    rng = np.random.default_rng(3)
    ease, names = rng.random(300), [str(number) for number in range(6)]
    scores = np.column_stack([(ease + rng.normal(0, 0.1, 300) < 0.7).astype(float) for _ in names])
    rules = EarlyRules(300, 6, 0.0, 0.2)
    best = names[int(scores.mean(axis=0).argmax())]
    wrong = 0
    for _ in range(100):
        order = scores[rng.permutation(300)]
        rounds = [find_standings(dict(zip(names, order[:n].T, strict=True)), rules) for n in (25, 50, 100, 200)]
        wrong += any(found[best].is_dropped for found in rounds)
    assert wrong <= 20


def test_scores_without_a_range_drop_nothing() -> None:
    found = find_standings(_draw(), EarlyRules(10_000, 3, 0.02, 0.05, highest=np.inf))
    assert not any(each.is_dropped for each in found.values()) and found["far"].behind == -np.inf


def test_the_level_of_a_comparison_is_divided_by_those_of_two_embeddings() -> None:
    assert EarlyRules(100, 11, 0.01, 0.05).level_of_pair == pytest.approx(0.05 / 20)


def test_the_level_holds_for_units_in_groups_that_are_drawn_one_by_one() -> None:
    rng = np.random.default_rng(4)
    names = [str(number) for number in range(4)]
    scores = np.repeat((rng.random((40, 4)) < 0.6).astype(float), 10, axis=0)
    rules = EarlyRules(400, 4, 0.0, 0.2)
    best = names[int(scores.mean(axis=0).argmax())]
    wrong = 0
    for _ in range(100):
        order = scores[rng.permutation(400)]
        rounds = [find_standings(dict(zip(names, order[:n].T, strict=True)), rules) for n in (25, 50, 100, 200)]
        wrong += any(found[best].is_dropped for found in rounds)
    assert wrong <= 20
