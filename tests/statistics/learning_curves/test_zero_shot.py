"""Scores without labels, and the labels that it takes until a probe is ahead of them: truths that are planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.statistics.comparisons.claims import check_claims
from emb_pipeline.statistics.learning_curves.label_curves import gather_curve_scores
from emb_pipeline.statistics.learning_curves.zero_shot import (
    build_zero_shot,
    find_crossing,
    find_first_of_the_rest,
    gather_zero_shot,
)
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import read_task_scores

COUNTS = np.array([10, 30, 100, 300])
METRICS = {"topic": "accuracy"}
CELL = {"origin": "domain", "method": "m", "dim": 8, "tuned": False, "seed": 0, "task": "topic", "metric": "accuracy"}


def measure(
    curves: dict[str, list[float]], rng: np.random.Generator, *, n_units: int = 200, n_draws: int = 5, sd: float = 0.03
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Item scores and draws: the first true accuracy of each embedding is without labels, the last with all."""
    rows, drawn = [], []
    units = [f"u{unit:04}" for unit in range(n_units)]
    for name, accuracies in curves.items():
        for count, accuracy in zip([0, *COUNTS], accuracies, strict=True):
            is_part = 0 < count < COUNTS[-1]
            shifts = sd * np.sqrt(COUNTS[0] / count) * rng.standard_normal(n_draws) if is_part else np.zeros(1)
            right = rng.random((len(shifts), n_units)) < accuracy + shifts[:, None]
            fraction = count / COUNTS[-1]
            scored = {"unit_id": units, "group_id": units, "value": right.mean(axis=0), "label_fraction": fraction}
            rows.append(pd.DataFrame(scored).assign(embedding=name, family=name, **CELL))
            of_part = {"embedding": name, "family": name, "n_labels": count, "label_fraction": fraction}
            of_part |= {"class_share": fraction, "folds": 1, "task": "topic"}
            drawn += [{**of_part, "draw": draw, "value": each.mean()} for draw, each in enumerate(right) if is_part]
    return pd.concat(rows, ignore_index=True), pd.DataFrame(drawn)


def compare(measured: tuple[pd.DataFrame, pd.DataFrame], resamples: int = 100) -> pd.DataFrame:
    item_scores, draws = measured
    resampling = Resampling(resamples=resamples, permutations=99)
    curves = list(gather_curve_scores(item_scores, draws, METRICS)) if len(draws) else []
    points = {each.task: each.list_points() for each in curves}
    claims = check_claims(
        list(read_task_scores(item_scores)), METRICS, {}, resampling, points, gather_zero_shot(item_scores)
    )
    return build_zero_shot(item_scores, curves, METRICS, resampling, claims).set_index("embedding")


def test_a_crossing_is_on_the_line_in_log_n() -> None:
    counts = np.array([10.0, 100, 1000])
    assert find_crossing(counts, np.array([-0.1, 0.1, 0.2])) == pytest.approx(10**1.5)
    assert find_crossing(counts, np.array([0.1, -0.3, 0.1])) == pytest.approx(10**2.75)
    assert find_crossing(counts, np.array([0.1, 0.2, 0.3])) == 0
    assert find_crossing(counts, np.array([0.1, 0.2, 0.0])) == np.inf


def test_what_is_ahead_once_and_not_later_is_not_ahead_from_there_on() -> None:
    assert find_first_of_the_rest(COUNTS, np.array([True, False, True, True])) == 100
    assert find_first_of_the_rest(COUNTS, np.array([True] * 4)) == 10
    assert np.isnan(find_first_of_the_rest(COUNTS, np.array([True, True, True, False])))


def test_clear_differences_are_told_with_their_labels() -> None:
    curves = {"domain.late": [0.6, 0.35, 0.45, 0.75, 0.9], "domain.never": [0.8, 0.3, 0.4, 0.5, 0.6]}
    found = compare(measure(curves, np.random.default_rng(0)))
    late, never = found.loc["domain.late"], found.loc["domain.never"]
    assert late["ahead_from"] == 100 and 20 < late["crossing_low"] <= late["crossing"] <= late["crossing_high"] < 100
    assert late["ci_low"] < late["value"] < late["ci_high"] and late["value"] == pytest.approx(0.6, abs=0.08)
    assert late["gain"] == pytest.approx(0.3, abs=0.08)
    assert np.isnan(never["ahead_from"]) and never["crossing"] == never["crossing_low"] == np.inf
    assert (found["fewest_labels"] == 10).all() and (found["most_labels"] == 300).all()


def test_without_a_curve_the_probe_with_all_labels_is_compared() -> None:
    item_scores, _ = measure({"domain.a": [0.5, 0.6, 0.7, 0.8, 0.9]}, np.random.default_rng(0))
    ends = item_scores[item_scores["label_fraction"].isin([0.0, 1.0])]
    row = compare((ends, pd.DataFrame())).loc["domain.a"]
    assert np.isnan(row["most_labels"]) and row["gain"] == pytest.approx(0.4, abs=0.08)
    assert not np.isnan(row["crossing"])


def test_tasks_without_descriptions_have_no_rows() -> None:
    item_scores, draws = measure({"domain.a": [0.5, 0.6, 0.7, 0.8, 0.9]}, np.random.default_rng(0))
    assert compare((item_scores[item_scores["label_fraction"] > 0], draws)).empty


@pytest.mark.slow
def test_the_interval_of_a_planted_crossing_holds_it() -> None:
    rng, held, truth = np.random.default_rng(3), 0, np.exp(np.log(30) + 0.4 * np.log(100 / 30))
    for _ in range(30):
        row = compare(measure({"domain.a": [0.6, 0.42, 0.52, 0.72, 0.8]}, rng)).iloc[0]
        held += row["crossing_low"] <= truth <= row["crossing_high"]
    assert held >= 26  # of 30, at 95 %


@pytest.mark.slow
def test_a_probe_that_is_as_good_as_no_labels_is_not_told_to_be_ahead() -> None:
    rng = np.random.default_rng(4)
    curves = {f"domain.{name}": [0.6] * 5 for name in "abc"}
    told = sum(bool(compare(measure(curves, rng))["ahead_from"].notna().any()) for _ in range(30))
    assert told <= 4  # of 30, at a level of 5 %
