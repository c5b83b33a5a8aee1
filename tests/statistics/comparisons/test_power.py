"""The smallest difference that a test set can see."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, ttest_rel
from statsmodels.stats.power import TTestPower

from emb_pipeline.statistics.comparisons.pairs import compare_pairs
from emb_pipeline.statistics.comparisons.power import find_smallest_detectable_difference
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.system_scores import SystemScores


def test_it_is_what_statsmodels_solves_for() -> None:
    """300 items on which two classifiers disagree on a tenth: about 5 points."""
    sd = np.sqrt(0.1)
    effect = TTestPower().solve_power(nobs=300, alpha=0.05, power=0.8)
    found = float(find_smallest_detectable_difference(sd / np.sqrt(300), norm.ppf(0.975)))
    assert found == pytest.approx(effect * sd, rel=0.01) and found == pytest.approx(0.051, abs=0.001)


@pytest.mark.slow
def test_a_difference_of_that_size_is_found_in_four_of_five_cases() -> None:
    rng = np.random.default_rng(0)
    size = float(find_smallest_detectable_difference(0.5 / np.sqrt(200), norm.ppf(0.975)))
    found = [ttest_rel(rng.normal(size, 0.3, 200), rng.normal(0, 0.4, 200)).pvalue < 0.05 for _ in range(600)]
    assert 0.75 < np.mean(found) < 0.85


@pytest.mark.slow
def test_comparisons_say_what_their_own_adjusted_tests_find() -> None:
    """28 pairs that do not differ, and one planted difference of the size that is said: found in four of five cases."""
    rng = np.random.default_rng(1)
    found, single = [], []
    for _ in range(120):
        scores = rng.normal(size=(400, 8))
        said = compare_pairs(SystemScores(scores, list("abcdefgh")), Resampling(resamples=200, permutations=499), rng=rng)
        size = float(np.median(said["detectable"].to_numpy()))
        scores[:, 0] += size
        tested = compare_pairs(SystemScores(scores, list("abcdefgh")), Resampling(resamples=100, permutations=499), rng=rng)
        found.append(tested["p_adjusted"][0].as_py() <= 0.05)
        single.append(size / float(find_smallest_detectable_difference(np.sqrt(2 / 400), norm.ppf(0.975))))
    assert 0.7 < np.mean(found) < 0.9
    assert np.mean(single) > 1.25
