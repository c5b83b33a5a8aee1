"""Learning curves: fits, intervals, and who is ahead with how many labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import curve_fit
from scipy.stats import norm

from emb_pipeline.statistics.label_curves import any_curve_differs, fitted_power_laws, learning_curves
from emb_pipeline.statistics.resampling import Resampling

COUNTS = np.array([30, 100, 300, 1000, 3000])


def test_a_power_law_is_found_again() -> None:
    values = np.stack([0.9 - 1.5 * COUNTS**-0.5, 0.7 - 0.4 * COUNTS**-0.2, np.full(5, 0.4)])
    found = fitted_power_laws(COUNTS, values, highest=1.0)
    np.testing.assert_allclose(found.at(COUNTS.astype(float)), values, atol=2e-4)
    np.testing.assert_allclose(found.asymptote[:2], [0.9, 0.7], atol=0.02)
    assert found.scale[2] == 0 and found.asymptote[2] == pytest.approx(0.4)


def test_the_fit_is_that_of_scipy() -> None:
    values = 0.85 - 0.9 * COUNTS**-0.4 + np.array([0.004, -0.006, 0.003, 0.002, -0.002])
    expected, _ = curve_fit(lambda n, a, b, c: a - b * n**-c, COUNTS, values, p0=(0.8, 1.0, 0.5))
    found = fitted_power_laws(COUNTS, values)
    theirs = np.square(values - expected[0] + expected[1] * COUNTS ** -expected[2]).sum()
    ours = np.square(values - found.at(COUNTS.astype(float))[0]).sum()
    assert ours == pytest.approx(theirs, rel=0.01)
    assert found.at(6000.0)[0] == pytest.approx(expected[0] - expected[1] * 6000.0 ** -expected[2], abs=5e-4)


def test_no_asymptote_is_above_the_highest_score() -> None:
    values = 0.2 + 0.09 * np.log(COUNTS)
    assert (
        fitted_power_laws(COUNTS, values, highest=1.0).asymptote[0] <= 1.0 < fitted_power_laws(COUNTS, values).asymptote[0]
    )


def test_three_counts_are_too_few_for_an_asymptote() -> None:
    with pytest.raises(ValueError, match="four counts or more"):
        fitted_power_laws(np.array([1, 2, 3]), np.ones((1, 3)))


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
                    }
                )
            )
            if not whole:
                drawn += [
                    {
                        "embedding": embedding,
                        "n_labels": count,
                        "label_fraction": fraction,
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
    return learning_curves(*measured, {"topic": "accuracy"}, Resampling(resamples=resamples))


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
    expected = 1.96 * np.sqrt(of_cell["value"].var() / 400 + drawn.var(ddof=1) / 3)
    assert (row["ci_high"] - row["ci_low"]) / 2 == pytest.approx(expected, rel=0.15)


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


def test_equal_curves_are_told_apart_in_few_cases() -> None:
    rng = np.random.default_rng(3)
    curve = np.linspace(0.5, 0.8, 5)
    verdicts = []
    for _ in range(100):
        measured = _measured({"domain.a_8": curve, "domain.b_8": curve, "domain.c_8": curve}, rng, n_units=150, draw_sd=0.02)
        verdicts += [set(_curves(measured, resamples=200)[1]["verdict"]) == {"cannot be told"}]
    assert sum(verdicts) >= 92  # of 100, at a level of 5 %


def test_the_best_of_many_equal_curves_is_not_ahead_of_the_others() -> None:
    """The reference is the best by luck; its differences to the others are the largest of all pairs."""
    rng = np.random.default_rng(8)
    curves = {f"domain.m{number}_8": np.linspace(0.5, 0.8, 5) for number in range(6)}
    silent = sum(
        set(_curves(_measured(curves, rng, n_units=100), resamples=150)[1]["verdict"]) == {"cannot be told"}
        for _ in range(60)
    )
    assert silent >= 54  # of 60, at a level of 5 %


def test_curves_that_may_all_be_equal_say_nothing_of_who_is_ahead() -> None:
    rng = np.random.default_rng(1)
    measured = _measured({"domain.a_8": np.full(5, 0.7), "domain.b_8": np.linspace(0.4, 0.8, 5)}, rng)
    p, n_units = any_curve_differs(*measured, {"topic": "accuracy"}, Resampling(resamples=400))["topic"]
    assert p == pytest.approx(1 / 401) and n_units == 400
    told = learning_curves(*measured, {"topic": "accuracy"}, Resampling(resamples=400), floors={"topic": p})[1]
    untold = learning_curves(*measured, {"topic": "accuracy"}, Resampling(resamples=400), floors={"topic": 0.06})[1]
    assert told["verdict"].tolist() == ["ahead below"] and untold["verdict"].tolist() == ["cannot be told"]
    assert untold["n_labels"].isna().all()


def test_seeds_of_one_embedding_are_one_curve() -> None:
    rng = np.random.default_rng(4)
    measured = _measured({"domain.a_8": np.full(5, 0.6), "domain.a_8_seed1": np.full(5, 0.7)}, rng)
    curves, crossovers = _curves(measured)
    assert set(curves["embedding"]) == {"domain.a_8"} and crossovers.empty
    assert curves["value"].mean() == pytest.approx(0.65, abs=0.03)
