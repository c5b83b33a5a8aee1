"""All that a report claims of differences, tested in one family."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.statistics.comparisons.any_difference import ALL, check_any_differences
from emb_pipeline.statistics.comparisons.claims import (
    ACROSS,
    CURVE,
    FACTOR,
    PAIR,
    CurvePoint,
    check_claims,
    select_contrast_tests,
    select_pair_tests,
)
from emb_pipeline.statistics.effects.contrasts import list_contrasts
from emb_pipeline.statistics.effects.designs import Design, find_designs
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance
from emb_pipeline.statistics.leaderboard import compare_embeddings
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, read_task_scores
from emb_pipeline.tasks.scores import TRAINING_DRAWS, CellIdentity, build_item_scores, stamp_item_scores

RESAMPLING = Resampling(resamples=100, permutations=499)
GRID = list(product(("domain", "generic"), ("word2vec", "fasttext", "glove", "lsa")))
CONTROL = "control.random_50"


def _scores(
    rng: np.random.Generator, domain: float = 0.0, control: float = 0.0, n: int = 200, task: str = "t"
) -> tuple[TaskScores, list[Design], pa.Table]:
    """Scores of a grid and a control: those trained on the domain better by so much, the control by so much."""
    items = np.array([f"i{number}" for number in range(n)])
    difficulty = rng.normal(0, 0.3, size=n)
    cells = [(origin, method, 50, f"{origin}.{method}_50", domain * (origin == "domain")) for origin, method in GRID]
    cells.append(("control", "random", 50, CONTROL, control))
    table = pa.concat_tables(
        [
            stamp_item_scores(
                build_item_scores(items, items, {"accuracy": difficulty + rng.normal(0, 0.3, size=n) + better}),
                CellIdentity(origin=origin, method=method, task=task, dim=dim, tuned=False, seed=0, embedding=name),
            )
            for origin, method, dim, name, better in cells
        ]
    )
    (found,) = read_task_scores(table)
    factors = pd.DataFrame(GRID, columns=["corpus", "method"]).assign(dim="50")
    return found, find_designs(factors, found.metrics["accuracy"][:, :-1]), table


def _claims(made: tuple[TaskScores, list[Design], pa.Table]) -> pd.DataFrame:
    found, designs, _ = made
    return check_claims([found], {found.task: "accuracy"}, {found.task: designs}, RESAMPLING)


@pytest.mark.slow
def test_a_control_that_differs_opens_nothing_for_the_others() -> None:
    """Candidates that are equal, and a control far below them: the page claims something in about 5 % of cases."""
    rng = np.random.default_rng(0)
    n, said, about_the_control = 60, 0, 0
    for _ in range(n):
        claims = _claims(_scores(rng, control=-0.3))
        (row,) = check_any_differences(claims, {CONTROL}, 0.05).to_dict("records")
        said += row["p_adjusted"] <= 0.05
        about_the_control += (claims[claims["embedding_b"] == CONTROL]["p_adjusted"] <= 0.05).all()
    assert said <= 0.12 * n
    assert about_the_control == n


@pytest.mark.slow
def test_a_difference_that_only_the_average_over_a_grid_shows_is_found() -> None:
    """Domain text adds a little to each of four methods: a given pair seldom shows it, the mean over methods often does."""
    rng = np.random.default_rng(2)
    found = {"one pair": 0, "corpus": 0}
    for _ in range(40):
        claims = _claims(_scores(rng, domain=0.06)).set_index("family")
        pairs = claims.loc[PAIR].set_index(["embedding_a", "embedding_b"])
        found["one pair"] += pairs.loc[("domain.word2vec_50", "generic.word2vec_50"), "p_adjusted"] <= 0.05
        factors = claims.loc[FACTOR]
        found["corpus"] += (factors[(factors["factor"] == "corpus") & (factors["within"] == "")]["p_adjusted"] <= 0.05).any()
    assert found["corpus"] > found["one pair"] + 10, found


def test_tables_of_the_report_read_their_tests_from_the_claims() -> None:
    made = _scores(np.random.default_rng(3), domain=0.2)
    claims = _claims(made)
    table = compare_embeddings(made[2], {"t": "accuracy"}, RESAMPLING, claims=claims)
    pairs = claims[claims["family"] == PAIR].set_index(["embedding_a", "embedding_b"])
    for row in table.to_dict("records"):
        known = pairs.loc[(row["embedding_a"], row["embedding_b"])]
        assert row["p_adjusted"] == known["p_adjusted"] and row["difference"] == pytest.approx(known["difference"])
    turned = select_pair_tests(claims, "t", [("generic.glove_50", "domain.word2vec_50")])
    assert turned.difference[0] == pytest.approx(-pairs.loc[("domain.word2vec_50", "generic.glove_50"), "difference"])
    assert len(select_contrast_tests(claims, "t").p) == len(list_contrasts(made[1])) > 0


def test_averages_over_tasks_and_points_of_curves_are_claims_too() -> None:
    rng = np.random.default_rng(4)
    made = [_scores(rng, domain=0.2, task=name) for name in ("one", "two")]
    names = list(made[0][0].families)
    points = {"one": [CurvePoint(30, names, made[0][0].metrics["accuracy"], ExtraVariance.create_zero(len(names)))]}
    claims = check_claims(
        [found for found, _, _ in made],
        {"one": "accuracy", "two": "accuracy"},
        {found.task: designs for found, designs, _ in made},
        RESAMPLING,
        points,
    )
    averages = claims[(claims["family"] == ACROSS) & (claims["factor"] == "corpus") & (claims["instead_of"] == "")]
    corpus = averages.iloc[0]
    assert corpus["p_adjusted"] <= 0.05 and corpus["difference"] == pytest.approx(0.2, abs=0.05)
    curve, pairs = (claims[(claims["family"] == family) & (claims["task"] == "one")] for family in (CURVE, PAIR))
    assert set(curve["n_labels"]) == {30}
    np.testing.assert_allclose(curve["p_adjusted"], pairs["p_adjusted"])  # the same scores, the same flips
    assert set(check_any_differences(claims, {CONTROL}, 0.05)["labels"]) == {ALL, "fewer"}


def test_other_labels_widen_the_tests_of_pairs_and_their_share_is_said() -> None:
    """Draws of the labels that move each embedding by .05: with 200 units of s.d. .3, most of the variance."""
    rng = np.random.default_rng(6)
    found, designs, table = _scores(rng)
    units = [f"i{number}" for number in range(200)]
    draws = pa.Table.from_pylist(
        [
            {"embedding": name, "task": "t", "metric": "accuracy", "unit_id": unit, "values": values}
            for name in found.embeddings
            for unit, values in zip(units, (rng.normal(0, 0.05, size=10) + np.zeros((200, 1))).tolist(), strict=True)
        ],
        schema=TRAINING_DRAWS,
    )
    (known,) = read_task_scores(table, training_draws=draws)
    alone, both = (check_claims([each], {"t": "accuracy"}, {"t": designs}, RESAMPLING) for each in (found, known))
    assert (alone["label_share"] == 0).all()
    shares = both[both["family"] == PAIR]["label_share"]
    assert shares.median() == pytest.approx(0.05**2 / (0.05**2 + 0.3**2 / 200), abs=0.15)
    said = check_any_differences(both, {CONTROL}, 0.05)["label_share"].iloc[0]
    assert said == pytest.approx(shares[both["embedding_b"] != CONTROL].median())
    assert (both["error"] >= alone["error"] - 1e-12).all()
    intervals = [compare_embeddings(table, None, RESAMPLING, training_draws=each) for each in (None, draws)]
    widths = [(each["ci_high"] - each["ci_low"]).median() for each in intervals]
    assert widths[1] > 1.7 * widths[0]


def test_draws_of_other_units_are_refused() -> None:
    _, _, table = _scores(np.random.default_rng(7), n=5)
    row = {"embedding": CONTROL, "task": "t", "metric": "accuracy", "unit_id": "i0", "values": [0.0, 1.0]}
    draws = pa.Table.from_pylist([row], schema=TRAINING_DRAWS)
    with pytest.raises(ValueError, match=r"t, control\.random_50: the draws of accuracy are not those of the units"):
        list(read_task_scores(table, training_draws=draws))
