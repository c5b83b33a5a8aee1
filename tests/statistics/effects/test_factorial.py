"""Factorial effects: shares of variance and matched differences, by hand, by statsmodels, and of planted effects."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from emb_pipeline.statistics.effects.designs import Design, find_designs
from emb_pipeline.statistics.effects.factorial import REST, estimate_factor_effects, estimate_variance_shares
from emb_pipeline.statistics.resampling import Resampling

LEVELS = {"corpus": ["domain", "generic"], "method": ["word2vec", "fasttext", "glove"]}


def _grid(seeds: int = 1) -> pd.DataFrame:
    return pd.DataFrame([pair for pair in product(*LEVELS.values()) for _ in range(seeds)], columns=list(LEVELS))


def _exact(factors: pd.DataFrame, means: np.ndarray) -> Design:
    """Two units with the same scores: no noise from units."""
    return Design("d", np.stack([means, means]), factors)


def test_shares_of_a_two_by_two_grid_are_those_worked_out_by_hand() -> None:
    factors = pd.DataFrame({"corpus": ["d", "d", "g", "g"], "method": ["w", "f", "w", "f"]})
    means = np.array([0.8, 0.7, 0.6, 0.5])  # corpus: ±.1, method: ±.05, no interaction: 4 × .01 and 4 × .0025
    rows = estimate_variance_shares(_exact(factors, means), n_resamples=50, rng=np.random.default_rng(0))
    found = {row["term"]: row["share"] for row in rows}
    assert found["corpus"] == pytest.approx(0.8) and found["method"] == pytest.approx(0.2)
    assert found["corpus × method"] == pytest.approx(0, abs=1e-9)
    assert next(row["spread"] for row in rows if row["term"] == "corpus") == pytest.approx(0.1)


@pytest.mark.parametrize("left_out", [[], [0, 7]])
def test_sums_of_squares_are_those_of_statsmodels(left_out: list[int]) -> None:
    """Type II, in a balanced grid and in one with two cells missing."""
    factors = _grid(seeds=2).drop(index=left_out).reset_index(drop=True)
    means = np.random.default_rng(3).random(len(factors))
    rows = estimate_variance_shares(_exact(factors, means), n_resamples=20, rng=np.random.default_rng(0))
    table = anova_lm(ols("y ~ C(corpus) * C(method)", factors.assign(y=means)).fit(), typ=2)
    expected = table["sum_sq"] / table["sum_sq"].sum()
    names = {"corpus": "C(corpus)", "method": "C(method)", "corpus × method": "C(corpus):C(method)", REST: "Residual"}
    for row in rows[:-1]:  # but chance, of which two equal units have none
        assert row["share"] == pytest.approx(expected[names[str(row["term"])]], abs=1e-6)
        assert row["df"] == table.loc[names[str(row["term"])], "df"]


def test_effects_are_means_over_what_both_levels_have() -> None:
    factors = pd.DataFrame({"corpus": ["d", "d", "g", "g", "d"], "method": ["w", "f", "w", "w", "x"]})
    means = np.array([0.9, 0.8, 0.5, 0.7, 0.1])  # generic has word2vec alone, twice; nobody but domain has f and x
    rows = estimate_factor_effects(
        [_exact(factors, means)], Resampling(resamples=50, permutations=99), rng=np.random.default_rng(0)
    )
    (overall,) = [row for row in rows if row["factor"] == "corpus" and not row["within"]]
    assert (overall["difference"], overall["pairs"]) == (pytest.approx(0.3), 1)
    methods = {
        (row["level_a"], row["level_b"], row["within"]): row["difference"] for row in rows if row["factor"] == "method"
    }
    assert methods["w", "f", ""] == pytest.approx(0.1) and methods["f", "x", "corpus = d"] == pytest.approx(0.7)
    assert ("w", "f", "corpus = g") not in methods


def test_an_interaction_is_a_difference_of_differences() -> None:
    factors = pd.DataFrame({"corpus": ["d", "d", "d", "g", "g", "g"], "method": ["w", "f", "x"] * 2})
    means = np.array([0.9, 0.8, 0.6, 0.5, 0.7, 0.6])  # d − g: .4 with w, .1 with f, 0 with x
    rows = estimate_factor_effects(
        [_exact(factors, means)], Resampling(resamples=50, permutations=99), rng=np.random.default_rng(0)
    )
    found = {(row["within"], row["instead_of"]): row for row in rows if row["instead_of"]}
    assert {key: row["difference"] for key, row in found.items()} == {
        ("method = w", "method = f"): pytest.approx(0.3),
        ("method = w", "method = x"): pytest.approx(0.4),
        ("method = f", "method = x"): pytest.approx(0.1),
    }
    assert {(row["factor"], row["level_a"], row["level_b"]) for row in found.values()} == {("corpus", "d", "g")}


@pytest.mark.slow
def test_a_planted_interaction_is_found_and_covered() -> None:
    rng = np.random.default_rng(17)
    covered = told = 0
    for _ in range(100):
        design = _simulated(rng, {"domain": 0.05}, n=300)
        with_glove = ((design.factors["corpus"] == "domain") & (design.factors["method"] == "glove")).to_numpy()
        scores = design.scores + 0.15 * with_glove
        rows = estimate_factor_effects(
            [Design("d", scores, design.factors)], Resampling(resamples=200, permutations=199), rng=rng
        )
        (row,) = [
            row for row in rows if (row["within"], row["instead_of"]) == ("method = word2vec", "method = glove")
        ]  # fmt: skip
        covered += int(row["ci_low"] <= -0.15 <= row["ci_high"])
        told += row["p_adjusted"] <= 0.05
    assert covered >= 90 and told >= 80


def _simulated(rng: np.random.Generator, effects: dict[str, float], n: int = 300, left_out: tuple[int, ...] = ()) -> Design:
    factors = _grid(seeds=2).drop(index=list(left_out)).reset_index(drop=True)
    means = 0.5 + np.array([sum(effects.get(level, 0) for level in row) for row in factors.itertuples(index=False)])
    noise = rng.normal(0, 0.3, size=(n, 1)) + rng.normal(0, 0.3, size=(n, len(factors)))
    return Design("d", means + noise, factors)


@pytest.mark.slow
@pytest.mark.parametrize("left_out", [(), (1, 4)])
def test_planted_effects_are_recovered_with_their_intervals(left_out: tuple[int, ...]) -> None:
    rng = np.random.default_rng(11)
    covered, estimates = 0, []
    for _ in range(200):
        design = _simulated(rng, {"domain": 0.05, "glove": -0.1}, left_out=left_out)
        rows = estimate_factor_effects([design], Resampling(resamples=200, permutations=99), rng=rng)
        found = {(row["factor"], row["level_a"], row["level_b"]): row for row in rows if not row["within"]}
        corpus, method = found["corpus", "domain", "generic"], found["method", "word2vec", "glove"]
        covered += int(corpus["ci_low"] <= 0.05 <= corpus["ci_high"]) + int(method["ci_low"] <= 0.1 <= method["ci_high"])
        estimates.append((corpus["difference"], method["difference"]))
    assert 0.92 <= covered / 400 <= 0.98
    np.testing.assert_allclose(np.mean(estimates, axis=0), [0.05, 0.1], atol=0.004)


@pytest.mark.slow
def test_chance_is_taken_off_the_shares() -> None:
    """Without an effect of the method, its share is nearly nothing, though the means of its levels differ by chance."""
    rng = np.random.default_rng(12)
    shares = []
    for _ in range(60):
        rows = estimate_variance_shares(_simulated(rng, {"domain": 0.1}, n=150), n_resamples=150, rng=rng)
        shares.append([row["share"] for row in rows if row["term"] in ("corpus", "method")])
    corpus, method = np.mean(shares, axis=0)
    assert corpus > 0.7 and method < 0.04


@pytest.mark.slow
def test_where_nothing_differs_chance_has_nearly_all_of_it() -> None:
    rng = np.random.default_rng(14)
    found = [
        {row["term"]: row["share"] for row in estimate_variance_shares(_simulated(rng, {}, n=150), n_resamples=100, rng=rng)}
        for _ in range(60)
    ]
    means = pd.DataFrame(found).mean()
    assert means["chance of the test items"] > 0.8 and (means.drop("chance of the test items") < 0.12).all()


@pytest.mark.slow
def test_no_planted_effect_is_found_in_few_of_a_hundred() -> None:
    rng = np.random.default_rng(13)
    false = 0
    for _ in range(100):
        rows = estimate_factor_effects([_simulated(rng, {}, n=120)], Resampling(resamples=50, permutations=199), rng=rng)
        false += any(row["p_adjusted"] <= 0.05 for row in rows)
    assert false <= 10


def test_factors_that_go_together_are_refused() -> None:
    factors = pd.DataFrame({"corpus": ["d", "d", "g", "g"], "method": ["w", "w", "f", "f"]})
    with pytest.raises(ValueError, match="corpus is confounded with the other factors"):
        estimate_variance_shares(_exact(factors, np.arange(4.0)), n_resamples=20, rng=np.random.default_rng(0))


def test_a_grid_holds_the_crossings_that_every_corpus_has() -> None:
    cells = pd.DataFrame(
        [
            (corpus, method, dim)
            for corpus in ("domain", "generic")
            for method, dim in (("word2vec", "50"), ("word2vec", "100"), ("glove", "100"))
        ]
        + [("domain", "bert", "128")],
        columns=["corpus", "method", "dim"],
    )
    designs = find_designs(cells, np.zeros((2, 7)))
    assert [(design.name, len(design.factors)) for design in designs] == [
        ("corpus × embedding", 6),
        ("corpus × method at 100", 4),
        ("corpus × dimension of word2vec", 4),
    ]
