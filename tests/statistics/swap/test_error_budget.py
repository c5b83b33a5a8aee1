"""A gate at every commit keeps the share of inferior candidates among those that pass."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from emb_pipeline.statistics.swap.error_budget import compute_level


def test_levels_by_hand() -> None:
    zeta = (np.arange(1, 2_000_001, dtype=float) ** -1.2).sum() + 5 * 2_000_000**-0.2
    assert compute_level(0.05, 0, 0) == pytest.approx(0.05 / zeta, rel=1e-3)
    assert compute_level(0.05, 9, 8) == pytest.approx(0.05 * 10**-1.2 / zeta * 9, rel=1e-3)


def test_levels_without_a_pass_sum_to_the_whole() -> None:
    spent = sum(compute_level(0.05, number, 0) for number in range(10_000))
    assert 0.03 < spent < 0.05


def test_more_passes_than_tests_are_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        compute_level(0.05, 2, 3)


@pytest.mark.slow
def test_of_those_that_pass_few_are_inferior() -> None:
    """Half of 60 candidates are worse by exactly the margin, all tested on the same units against the same scores."""
    rng, shares, naive = np.random.default_rng(3), [], []
    for _ in range(400):
        is_inferior = rng.random(60) < 0.5
        shared = rng.normal()  # of the deployed scores, which all differences have
        z = np.where(is_inferior, 0.0, 3.0) + np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.normal(size=60)
        p, passed, wrong = ndtr(-z), 0, 0
        for number in range(60):
            if p[number] <= compute_level(0.05, number, passed):
                passed += 1
                wrong += bool(is_inferior[number])
        shares.append(wrong / max(passed, 1))
        naive.append(bool((p[is_inferior] <= 0.05).any()))
    assert np.mean(shares) <= 0.05
    assert np.mean(naive) > 0.3  # what tests at 5 % each let through: at least one in so many sequences
