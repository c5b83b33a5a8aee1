"""Effects averaged over tasks: by hand, and heterogeneity against statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from statsmodels.stats.meta_analysis import combine_effects

from emb_pipeline.statistics.effects.across_tasks import average_effects_across_tasks

PLACE = {
    "design": "corpus × embedding",
    "metric": "accuracy",
    "factor": "corpus",
    "level_a": "domain",
    "level_b": "generic",
    "within": "",
    "instead_of": "",
}


def _effects(differences: list[float], errors: list[float], **place: str) -> pd.DataFrame:
    tasks = [f"t{number}" for number in range(len(differences))]
    numbers = {"difference": differences, "error": errors, "seed_error": [0.0] * len(errors)}
    return pd.DataFrame({"task": tasks, **numbers}).assign(**{**PLACE, **place})


def test_the_mean_over_tasks_and_both_of_its_intervals_are_those_worked_out_by_hand() -> None:
    row = average_effects_across_tasks(_effects([0.06, 0.02, -0.02], [0.01, 0.02, 0.02])).iloc[0]
    assert row["difference"] == pytest.approx(0.02) and row["tasks"] == 3
    assert row["ci_high"] - row["difference"] == pytest.approx(1.959964 * 0.03 / 3)  # sqrt(.01² + .02² + .02²) = .03
    sample = ttest_1samp([0.06, 0.02, -0.02], 0).confidence_interval(0.95)
    assert (row["sample_low"], row["sample_high"]) == pytest.approx((sample.low, sample.high))
    assert (row["lowest_task"], row["lowest"], row["highest_task"], row["highest"]) == ("t2", -0.02, "t0", 0.06)


def test_heterogeneity_is_that_of_statsmodels() -> None:
    differences, errors = [0.061, 0.02, -0.015, 0.03], [0.012, 0.02, 0.017, 0.009]
    row = average_effects_across_tasks(_effects(differences, errors)).iloc[0]
    theirs = combine_effects(np.array(differences), np.square(errors))
    assert row["heterogeneity_p"] == pytest.approx(theirs.test_homogeneity().pvalue, abs=1e-9)
    assert row["i_squared"] == pytest.approx(theirs.i2, abs=1e-9)


def test_only_main_effects_and_interactions_of_two_tasks_or_more_are_averaged() -> None:
    table = pd.concat(
        [
            _effects([0.1, 0.2], [0.01, 0.01]),
            _effects([0.1, 0.2], [0.01, 0.01], within="method = glove"),
            _effects([0.1, 0.2], [0.01, 0.01], within="method = glove", instead_of="method = lsa"),
            _effects([0.1, 0.2], [0.01, 0.01], factor="embedding"),
            _effects([0.1], [0.01], factor="dimension"),
        ]
    )
    found = average_effects_across_tasks(table)
    assert found[["factor", "within", "instead_of"]].to_numpy().tolist() == [
        ["corpus", "", ""],
        ["corpus", "method = glove", "method = lsa"],
    ]


def test_no_grid_has_no_average() -> None:
    assert average_effects_across_tasks(_effects([], [])).empty


@pytest.mark.slow
def test_a_mean_over_equal_tasks_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        errors = rng.uniform(0.01, 0.03, size=5)
        row = average_effects_across_tasks(_effects(list(rng.normal(0.02, errors)), list(errors))).iloc[0]
        covered += int(row["ci_low"] <= 0.02 <= row["ci_high"])
    assert 0.92 <= covered / 400 <= 0.98


def test_two_tasks_far_apart_give_no_interval_beyond_the_metric() -> None:
    row = average_effects_across_tasks(_effects([0.5, -0.1], [0.01, 0.02])).iloc[0]
    assert (row["sample_low"], row["sample_high"]) == (-1, 1)  # Student's t of two tasks alone reaches ± 3.8
