"""Bounds of a mean while units are drawn without replacement."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emb_pipeline.statistics.sequential.betting import BOLDNESS, find_lower_bound, is_ruled_out

RANGE = {"lowest": 0.0, "highest": 1.0}


def test_the_bound_is_the_mean_once_all_units_are_drawn_and_the_lowest_value_before_the_first() -> None:
    values = np.array([0.2, 0.9, 0.4])
    assert find_lower_bound(values, n_total=3, level=0.05, **RANGE) == pytest.approx(0.5)
    assert find_lower_bound(values[:0], n_total=3, level=0.05, **RANGE) == 0.0


def test_the_capital_is_that_of_a_computation_by_hand() -> None:
    # Five units in all, the mean is said to be .4: the rest has 2.0 / 5 first, then (2.0 - 1.0) / 4.
    first = min((0.5 - 0.4) / (0.25 + 0.1**2), BOLDNESS / 0.4) * (1.0 - 0.4)
    mean, variance = (0.5 + 1.0) / 2, (0.25 + (1.0 - 0.5) ** 2) / 2
    lead = mean - 0.25
    second = min(lead / (variance + lead**2), BOLDNESS / 0.25) * (0.8 - 0.25)
    capital = math.log1p(first) + math.log1p(second)
    values = np.array([1.0, 0.8])
    assert is_ruled_out(values, 0.4, 5, 0.0, 1.0, capital - 1e-9)
    assert not is_ruled_out(values, 0.4, 5, 0.0, 1.0, capital + 1e-9)


def test_a_mean_that_the_rest_cannot_make_up_for_is_ruled_out() -> None:
    # Nine of ten units are drawn and sum to 8.1: whatever the last one is, the mean is .81 at least.
    bound = find_lower_bound(np.full(9, 0.9), n_total=10, level=1e-9, **RANGE)
    assert 0.809 < bound <= 0.81


def test_the_bound_is_exceeded_at_any_time_in_at_most_the_level_of_orders() -> None:
    rng = np.random.default_rng(0)
    units = (rng.random(200) < 0.3).astype(float)
    missed = 0
    for _ in range(400):
        order = rng.permutation(units)
        bounds = [find_lower_bound(order[:n], n_total=200, level=0.2, **RANGE) for n in (10, 25, 50, 75, 100, 150)]
        missed += max(bounds) > units.mean()
    assert 0 < missed <= 0.2 * 400  # it is used up in part: looks at six moments of two hundred


def test_the_bound_is_close_to_that_of_a_single_look_by_the_normal_distribution() -> None:
    rng = np.random.default_rng(1)
    values = np.clip(rng.normal(0.1, 0.2, size=1000), -1, 1)
    bound = find_lower_bound(values, n_total=10_000, lowest=-1.0, highest=1.0, level=0.001)
    normal = values.mean() - 3.09 * values.std() / math.sqrt(1000)
    assert normal - 0.015 < bound < normal


def test_what_is_ruled_out_is_ruled_out_for_each_lower_mean_too() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        values = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=rng.integers(5, 400))
        flags = [is_ruled_out(values, target, 500, -1.0, 1.0, math.log(100)) for target in np.linspace(-1, 1, 101)]
        assert flags == sorted(flags, reverse=True)


@pytest.mark.parametrize(("values", "message"), [([0.5] * 4, "more than"), ([1.5], "outside"), ([np.nan], "outside")])
def test_what_is_no_part_of_the_units_is_refused(values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_lower_bound(np.array(values), n_total=3, level=0.05, **RANGE)
