"""Learning curves: fits, intervals, and who is ahead with how many labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from emb_pipeline.statistics.comparisons.claims import check_claims
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance
from emb_pipeline.statistics.learning_curves.crossovers import Band, find_crossovers
from emb_pipeline.statistics.learning_curves.curve_shapes import CurvePoints, extrapolate
from emb_pipeline.statistics.learning_curves.label_curves import (
    build_learning_curves,
    estimate_label_luck,
    find_share_of_labels,
    gather_curve_scores,
    raise_to_trend,
    resample_values,
)
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import read_task_scores

COUNTS = np.array([30.0, 100, 300, 1000, 3000])


def _points(values: np.ndarray, sd: float = 0.004) -> CurvePoints:
    n = len(COUNTS)
    return CurvePoints(COUNTS, values, 0.005**2 * (0.5 + 0.5 * np.eye(n)), np.full(n, sd**2), np.full(n, 4.0))


def test_twice_as_many_labels_bring_what_a_power_law_says() -> None:
    found = extrapolate(_points(0.85 - 1.8 * COUNTS**-0.5), highest=1.0, level=0.95, rng=np.random.default_rng(0))
    truth = 1.8 * 3000**-0.5 * (1 - 2**-0.5)
    assert found.low < truth < found.high and found.gain == pytest.approx(truth, abs=0.005) and not found.silence
    np.testing.assert_allclose(found.fitted, 0.85 - 1.8 * COUNTS**-0.5, atol=0.01)
    assert found.held_out_low < 0.85 - 1.8 * 3000**-0.5 < found.held_out_high


@pytest.mark.slow
def test_the_interval_of_a_late_rise_holds_what_no_power_law_would() -> None:
    """As TF-IDF: logistic in log n. The best power law that stays below 1 would gain 4 points."""

    def curve(n: np.ndarray | float) -> np.ndarray:
        return np.asarray(1 / (1 + (n / 1350) ** -0.569))

    rng, held = np.random.default_rng(1), 0
    truth = float(curve(6000.0) - curve(3000.0))
    for _ in range(40):
        noise = 0.005 * np.sqrt(0.5) * rng.standard_normal(5) + 0.004 * rng.standard_normal(5)
        found = extrapolate(_points(curve(COUNTS) + noise), highest=1.0, level=0.95, rng=rng)
        held += bool(found.silence) or found.low <= truth <= found.high
    assert held >= 36


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.array([0.3, 0.5, 0.3, 0.5, 0.3]), "no family of curves fits its points"),
        (np.array([0.5, 0.53, 0.555, 0.575, 0.63]), "its last point is not where the points before it foretell"),
    ],
)
def test_nothing_is_said_where_no_curve_fits_or_the_last_point_is_not_foretold(values: np.ndarray, reason: str) -> None:
    found = extrapolate(_points(values), highest=1.0, level=0.95, rng=np.random.default_rng(0))
    assert np.isnan([found.gain, found.low, found.high]).all()
    assert found.silence == reason


def test_three_counts_are_too_few_to_say_how_a_curve_levels_off() -> None:
    found = extrapolate(
        _points(np.linspace(0.5, 0.7, 5)).take_first(3), highest=1.0, level=0.95, rng=np.random.default_rng(0)
    )
    assert "too short" in found.silence and np.isnan(found.gain)


@pytest.mark.slow
def test_the_luck_of_the_set_of_labels_is_in_the_variance_of_a_mean_over_its_draws() -> None:
    """Each label adds its own part: the mean of J draws of m of n labels has the variance s² (1 / J + m / (n - m))."""
    rng = np.random.default_rng(0)
    n, m, n_draws = 60, 20, 5
    means, stated, naive = [], [], []
    for _ in range(2000):
        labels = rng.standard_normal(n)
        draws = np.array([[rng.permutation(labels)[:m].mean()] for _ in range(n_draws)])
        means.append(draws.mean())
        stated.append(estimate_label_luck(draws, draws, overlap=m / (n - m)).covariance[0, 0])
        naive.append(draws.var(ddof=1) / n_draws)
    assert np.mean(stated) == pytest.approx(np.var(means), rel=0.1)
    assert np.mean(naive) < 0.5 * np.var(means)


@pytest.mark.slow
def test_three_draws_that_are_close_by_chance_do_not_make_equal_curves_differ() -> None:
    """Two embeddings, five counts, three draws of each: luck of the labels beside little chance in the units."""
    rng, told = np.random.default_rng(5), {"as estimated": 0, "not below the trend": 0}
    resampling, counts = Resampling(resamples=200), COUNTS
    factors = (1 / counts).tolist()
    for _ in range(120):
        draws = np.sqrt(3 * 0.04**2 * 30 / counts)[:, None, None] * rng.standard_normal((5, 3, 2))
        values = draws.mean(axis=1).T + 0.008 * rng.standard_normal((2, 5))
        resampled = values + 0.008 * rng.standard_normal((200, 2, 5))
        luck = [estimate_label_luck(each, each, overlap=0.0) for each in draws]
        for name, extra in (("as estimated", luck), ("not below the trend", raise_to_trend(luck, factors))):
            width = Band(values, resampled, extra, resampling).widths[0, 1]
            told[name] += bool((np.abs(values[0] - values[1]) > width).any())
    assert told["not below the trend"] <= 11  # of 120, at a level of 5 %
    assert told["as estimated"] > told["not below the trend"]


def test_an_estimate_above_the_trend_is_kept() -> None:
    luck = [ExtraVariance(np.eye(2) * value, freedom) for value, freedom in ((4.0, 9.0), (2.0, 2.0), (0.1, 2.0))]
    found = raise_to_trend(luck, [4.0, 1.0, 0.5])
    assert found[1] is luck[1] and found[0].freedom == found[2].freedom == 9
    assert found[2].covariance[0, 0] == pytest.approx(0.5 * (9 * 1 + 2 * 2 + 2 * 0.2) / 13)
    assert raise_to_trend([ExtraVariance.create_zero(2)], [1.0])[0].is_zero


def test_what_is_due_to_the_test_units_is_no_luck_of_the_labels() -> None:
    rng = np.random.default_rng(0)
    chance = rng.random((10, 400, 1)) < 0.5
    shares = [find_share_of_labels(chance[:, :200].mean(axis=0), chance[:, :200].mean(axis=1))]
    moved = rng.random((10, 400, 1)) < np.linspace(0.2, 0.8, 10)[:, None, None]
    shares.append(find_share_of_labels(moved.mean(axis=0), moved.mean(axis=1)))
    assert shares[0] < 0.75 and shares[1] > 0.9
    assert find_share_of_labels(chance.mean(axis=0) + 0.01, chance.mean(axis=1)) == 1.0


def _measured(
    accuracies: dict[str, np.ndarray], rng: np.random.Generator, *, n_units: int = 400, draws: int = 3, draw_sd: float = 0.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Item scores and draws of embeddings with these true accuracies at COUNTS, the last of them with all labels."""
    rows, drawn = [], []
    ease = rng.standard_normal(n_units)
    for embedding, of_counts in accuracies.items():
        for count, accuracy in zip(COUNTS, of_counts, strict=True):
            whole = count == COUNTS[-1]
            shifts = np.zeros(1) if whole else draw_sd * rng.standard_normal(draws)
            latent = [0.6 * ease + 0.8 * rng.standard_normal(n_units) for _ in shifts]
            scores = np.stack(
                [z < norm.ppf(np.clip(accuracy + shift, 0, 1)) for z, shift in zip(latent, shifts, strict=True)]
            )
            fraction = count / COUNTS[-1]
            rows.append(
                pd.DataFrame(
                    {
                        "label_fraction": fraction,
                        "unit_id": [f"u{unit:04}" for unit in range(n_units)],
                        "value": scores.mean(axis=0),
                        "embedding": embedding,
                        "family": embedding,
                    }
                )
            )
            if not whole:
                drawn += [
                    {
                        "embedding": embedding,
                        "family": embedding,
                        "n_labels": count,
                        "label_fraction": fraction,
                        "class_share": fraction,
                        "folds": 1,
                        "draw": draw,
                        "value": score.mean(),
                    }
                    for draw, score in enumerate(scores)
                ]
    table = pd.concat(rows, ignore_index=True)
    table["group_id"] = table["unit_id"]
    cell = {"origin": "domain", "method": "m", "dim": 8, "tuned": False, "seed": 0, "task": "topic", "metric": "accuracy"}
    return table.assign(**cell), pd.DataFrame(drawn).assign(task="topic")


def _curves(measured: tuple[pd.DataFrame, pd.DataFrame], resamples: int = 400) -> tuple[pd.DataFrame, pd.DataFrame]:
    return build_learning_curves(gather_curve_scores(*measured, {"topic": "accuracy"}), Resampling(resamples=resamples))


def test_each_number_of_labels_has_its_mean_and_an_interval_of_units_and_draws() -> None:
    rng = np.random.default_rng(0)
    accuracies = {"domain.a_8": np.linspace(0.5, 0.8, 5), "domain.b_8": np.linspace(0.4, 0.7, 5)}
    measured = _measured(accuracies, rng, draw_sd=0.1)
    curves, _ = _curves(measured)
    assert curves.groupby("embedding")["n_labels"].apply(list).to_dict() == dict.fromkeys(accuracies, COUNTS.tolist())
    table, draws = measured
    row = curves[(curves["embedding"] == "domain.a_8") & (curves["n_labels"] == 100)].iloc[0]
    of_cell = table[(table["embedding"] == "domain.a_8") & np.isclose(table["label_fraction"], 100 / 3000)]
    assert row["value"] == pytest.approx(of_cell["value"].mean())
    drawn = draws[(draws["embedding"] == "domain.a_8") & (draws["n_labels"] == 100)]["value"]
    assert row["draw_sd"] == pytest.approx(drawn.std(ddof=1)) and row["draws"] == 3
    assert (row["ci_high"] - row["ci_low"]) / 2 > 2.5 * drawn.std(ddof=1) / np.sqrt(3)  # two degrees of freedom: 4.3


def test_a_crossing_is_found_where_it_is() -> None:
    rng = np.random.default_rng(1)
    steep, flat = 0.85 - 3.0 * COUNTS**-0.6, np.full(5, 0.7)  # they cross at 20 ** (1 / 0.6) = 147 labels
    _, crossovers = _curves(_measured({"domain.steep_8": steep, "domain.flat_8": flat}, rng, n_units=1500))
    row = crossovers.iloc[0]
    assert (row["embedding"], row["reference"], row["verdict"]) == ("domain.flat_8", "domain.steep_8", "ahead below")
    assert row["ci_low"] < 147 < row["ci_high"] and 110 < row["n_labels"] < 200
    assert row["difference_at_fewest_low"] > 0 > row["difference_at_most_high"]


@pytest.mark.parametrize(
    ("other", "verdict", "n_labels"),
    [
        ([0.5, 0.55, 0.6, 0.65, 0.7], "behind throughout", None),
        ([0.7, 0.75, 0.8, 0.7, 0.7], "as good below", 300),
        ([0.5, 0.55, 0.8, 0.85, 0.895], "behind below", 300),
    ],
)
def test_what_is_never_ahead_is_said_to_be_as_good_or_behind(other: list[float], verdict: str, n_labels: int | None) -> None:
    best = np.array([0.7, 0.75, 0.8, 0.85, 0.9])
    _, crossovers = _curves(
        _measured({"domain.best_8": best, "domain.x_8": np.array(other)}, np.random.default_rng(6), n_units=1500)
    )
    assert crossovers["verdict"].tolist() == [verdict]
    assert n_labels is None or crossovers["n_labels"].tolist() == [n_labels]


def _verdicts(measured: tuple[pd.DataFrame, pd.DataFrame], resamples: int) -> set[object]:
    resampling = Resampling(resamples=resamples)
    (scores,) = gather_curve_scores(*measured, {"topic": "accuracy"})
    band = Band(scores.values, resample_values(scores, resampling), scores.extra, resampling)
    return {row["verdict"] for row in find_crossovers(scores.embeddings, scores.counts, band)}


@pytest.mark.slow
def test_equal_curves_differ_significantly_in_few_cases() -> None:
    rng = np.random.default_rng(3)
    curve = np.linspace(0.5, 0.8, 5)
    verdicts = []
    for _ in range(40):
        measured = _measured({"domain.a_8": curve, "domain.b_8": curve, "domain.c_8": curve}, rng, n_units=150, draw_sd=0.02)
        verdicts += [_verdicts(measured, 200) == {"inconclusive"}]
    assert sum(verdicts) >= 35  # of 40, at a level of 5 %


@pytest.mark.slow
def test_the_best_of_many_equal_curves_is_not_ahead_of_the_others() -> None:
    """The reference is the best by luck; its differences to the others are the largest of all pairs."""
    rng = np.random.default_rng(8)
    curves = {f"domain.m{number}_8": np.linspace(0.5, 0.8, 5) for number in range(6)}
    silent = sum(_verdicts(_measured(curves, rng, n_units=100, draw_sd=0.05), 150) == {"inconclusive"} for _ in range(40))
    assert silent >= 35  # of 40, at a level of 5 %


@pytest.mark.slow
def test_verdicts_follow_the_tests_of_the_whole_report() -> None:
    rng = np.random.default_rng(1)
    table, draws = _measured({"domain.a_8": np.full(5, 0.7), "domain.b_8": np.linspace(0.4, 0.8, 5)}, rng)
    metrics, resampling = {"topic": "accuracy"}, Resampling(resamples=400, permutations=199)
    (scores,) = gather_curve_scores(table, draws, metrics)
    claims = check_claims(list(read_task_scores(table)), metrics, {}, resampling, {"topic": scores.list_points()})
    told = build_learning_curves(gather_curve_scores(table, draws, metrics), resampling, claims=claims)[1]
    untold = build_learning_curves(
        gather_curve_scores(table, draws, metrics), resampling, claims=claims.assign(p_adjusted=0.06)
    )[1]
    assert told["verdict"].tolist() == ["ahead below"] and untold["verdict"].tolist() == ["inconclusive"]
    assert untold["n_labels"].isna().all()


def test_seeds_of_one_embedding_are_one_curve() -> None:
    rng = np.random.default_rng(4)
    measured = _measured({"domain.a_8": np.full(5, 0.6), "domain.again": np.full(5, 0.7)}, rng)
    for table in measured:
        table["family"] = "domain.a_8"
    curves, crossovers = _curves(measured)
    assert set(curves["embedding"]) == {"domain.a_8"} and crossovers.empty
    assert curves["value"].mean() == pytest.approx(0.65, abs=0.03)
