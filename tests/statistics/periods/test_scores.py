"""Scores by period, trends, and whether a choice still holds: by hand, against a library, and against planted truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.stats

from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.intervals.simultaneous import bound_together
from emb_pipeline.statistics.periods.choice import HOLDS, NO_LONGER, ONLY, UNDECIDED, hold_choice
from emb_pipeline.statistics.periods.cut import Period, Periods
from emb_pipeline.statistics.periods.scores import score_periods
from emb_pipeline.statistics.periods.trend import estimate_trends
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import read_task_scores
from emb_pipeline.statistics.system_scores import SystemScores

RESAMPLING = Resampling(resamples=2000, seed=1)


def cut(sizes: list[int]) -> Periods:
    moment = np.datetime64("2024-01-01", "us")
    return Periods(
        [Period(f"p{number}", moment, moment) for number in range(len(sizes))], np.repeat(np.arange(len(sizes)), sizes)
    )


def test_scores_of_periods_by_hand() -> None:
    values = np.concatenate([np.tile([1.0, 0.0], 30), np.ones(40), np.zeros(5)])
    of_other = 1 - values
    rows = [
        {"embedding": name, "origin": "task", "method": name, "dim": None, "tuned": False, "seed": 0, "task": "topic"}
        | {"label_fraction": 1.0, "unit_id": f"{unit:03d}", "group_id": f"{unit:03d}", "metric": "accuracy", "value": value}
        for name, scores in (("a", values), ("b", of_other))
        for unit, value in enumerate(scores)
    ]
    (found,) = read_task_scores(pa.Table.from_pandas(pd.DataFrame(rows)))
    periods = cut([60, 40, 5])
    table = score_periods(found, "classification", "accuracy", periods, RESAMPLING).set_index(["embedding", "period"])
    assert table["value"].to_dict() == {
        ("a", "p0"): 0.5,
        ("a", "p1"): 1.0,
        ("a", "p2"): 0.0,
        ("b", "p0"): 0.5,
        ("b", "p1"): 0.0,
        ("b", "p2"): 1.0,
    }
    assert table["n"].loc["a"].tolist() == [60, 40, 5] and table.loc[("a", "p2"), ["ci_low", "together_low"]].isna().all()
    first = table.loc[("a", "p0")]
    wilson = scipy.stats.binomtest(30, 60).proportion_ci(method="wilson")
    assert (first["ci_low"], first["ci_high"]) == pytest.approx((wilson.low, wilson.high), abs=0.01)
    assert first["together_low"] < first["ci_low"] and first["together_high"] > first["ci_high"]
    all_right = table.loc[("a", "p1")]
    assert all_right["together_low"] < all_right["ci_low"] < all_right["together_high"] == 1.0


def test_intervals_at_once_are_those_of_the_maximum_of_independent_normal_means() -> None:
    """Šidák's critical value is exact for means of parts that have no unit in common."""
    values = np.random.default_rng(0).normal(size=(4000, 1))
    members = np.repeat(np.eye(4, dtype=bool), 1000, axis=0)
    found = bound_together(np.repeat(values, 4, axis=1), np.arange(4000), Resampling(20_000, seed=2), members=members)
    sidak = scipy.stats.norm.ppf((1 + 0.95**0.25) / 2)
    errors = values.reshape(4, 1000).std(axis=1) / np.sqrt(1000)
    assert (found.high - found.low) / 2 / errors == pytest.approx(np.full(4, sidak), rel=0.03)
    each = bound_together(
        np.repeat(values, 4, axis=1), np.arange(4000), Resampling(20_000, seed=2), members=members, sets=np.arange(4)
    )
    assert (each.high - each.low) / 2 / errors == pytest.approx(np.full(4, 1.96), rel=0.03)


def test_a_trend_is_the_slope_of_least_squares_with_its_robust_error() -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 5, 600)
    scores = np.column_stack([0.5 + 0.1 * codes + rng.normal(size=600) * (1 + codes)])
    found = estimate_trends(scores, codes, np.arange(600), RESAMPLING)
    line = scipy.stats.linregress(codes, scores[:, 0])
    assert found.slopes.values[0] == pytest.approx(line.slope)
    times, residuals = codes - codes.mean(), scores[:, 0] - line.intercept - line.slope * codes
    robust = np.sqrt((times**2 * residuals**2).sum()) / (times**2).sum()
    assert (found.slopes.high[0] - found.slopes.low[0]) / 2 == pytest.approx(1.96 * robust, rel=0.05)
    is_last = codes == 4
    assert found.changes.values[0] == pytest.approx(scores[is_last, 0].mean() - scores[~is_last, 0].mean())
    welch = scipy.stats.ttest_ind(scores[is_last, 0], scores[~is_last, 0], equal_var=False).confidence_interval()
    assert (found.changes.low[0], found.changes.high[0]) == pytest.approx((welch.low, welch.high), rel=0.08, abs=0.05)
    constant = estimate_trends(np.ones((600, 1)), codes, np.arange(600), RESAMPLING).slopes
    assert constant.low[0] < 0 == constant.values[0] < constant.high[0]


def scored(values: np.ndarray, margin: float = 0.05) -> Scored:
    names = [f"e{number}" for number in range(values.shape[1])]
    return Scored.of_units(
        Criterion("topic", "accuracy", margin), SystemScores(values, names), n_resamples=2000, rng=np.random.default_rng(0)
    )


def test_the_interval_of_the_best_other_one_is_dunnetts() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(400, 4)) + np.array([0, 0.1, 0.25, -0.1])
    last = Scored.of_units(
        Criterion("topic", "reward", 0.05), SystemScores(values, list("abcd")), n_resamples=20_000, rng=rng
    )
    held = hold_choice(last, "a")
    theirs = scipy.stats.dunnett(*values.T[1:], control=values.T[0]).confidence_interval()
    assert held.best == "c" and held.difference.value == pytest.approx(values[:, 2].mean() - values[:, 0].mean())
    assert (held.difference.low, held.difference.high) == pytest.approx((theirs.low[1], theirs.high[1]), abs=0.02)


def test_verdicts_on_planted_choices() -> None:
    rng = np.random.default_rng(7)
    right = rng.random(2000) < 0.8
    worse = np.where(rng.random(2000) < 0.1, False, right)
    values = np.column_stack([right, worse, rng.random(2000) < 0.6]).astype(float)
    good = hold_choice(scored(values), "e0")
    assert good.verdict == HOLDS and good.best == "e1" and good.difference.high < 0
    bad = hold_choice(scored(values), "e1")
    assert bad.verdict == NO_LONGER and bad.best == "e0" and 0.05 < bad.difference.low < 0.08 < bad.difference.high
    assert hold_choice(scored(values), "e1", allowed=0.07).verdict != NO_LONGER
    assert hold_choice(scored(values, margin=0.2), "e1").verdict == HOLDS  # better, but by less than the margin
    few = hold_choice(scored(values[:40]), "e1")
    assert few.verdict == UNDECIDED and few.units_needed > 40
    assert hold_choice(scored(values[:, :1]), "e0").verdict == ONLY
