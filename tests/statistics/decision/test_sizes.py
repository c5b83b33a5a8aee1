"""The smallest size that is good enough."""

from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.decision.sizes import SIZES, choose_smallest_sufficient
from emb_pipeline.statistics.system_scores import SystemScores

DIMS = {"w_50": 50, "w_100": 100, "w_300": 300}
BYTES = {name: 4.0 * dim for name, dim in DIMS.items()}


def scored(means: dict[str, float], margin: float = 0.01, n_units: int = 4000, noise: float = 0.02) -> Scored:
    rng = np.random.default_rng(3)
    scores = np.column_stack([mean + noise * rng.standard_normal(n_units) for mean in means.values()])
    scores += np.array(list(means.values())) - scores.mean(axis=0)  # exactly these means
    return Scored.of_units(
        Criterion("topic", "accuracy", margin), SystemScores(scores, list(means)), n_resamples=2000, rng=rng
    )


def test_the_smallest_within_the_margin_is_chosen() -> None:
    table = choose_smallest_sufficient(scored({"w_300": 0.800, "w_50": 0.760, "w_100": 0.796}), "w", DIMS, BYTES)
    assert list(table.columns) == list(SIZES) and list(table["embedding"]) == ["w_50", "w_100", "w_300"]
    assert list(table["chosen"]) == [False, True, False] and list(table["non_inferior"]) == [False, True, True]
    assert list(table["difference_to_best"].round(6)) == [-0.04, -0.004, 0.0]
    assert -0.01 < table["bound"].iloc[1] < -0.004  # the interval's end, between the difference and the margin


def test_a_smaller_one_that_is_better_is_chosen() -> None:
    table = choose_smallest_sufficient(scored({"w_50": 0.80, "w_100": 0.79, "w_300": 0.78}), "w", DIMS, BYTES)
    assert table.loc[table["chosen"], "embedding"].tolist() == ["w_50"] == table["best"].unique().tolist()


def test_where_too_few_items_tell_nothing_the_best_is_kept() -> None:
    means = {"w_50": 0.797, "w_100": 0.798, "w_300": 0.800}
    few = choose_smallest_sufficient(scored(means, n_units=30, noise=0.4), "w", DIMS, BYTES)
    assert few.loc[few["chosen"], "embedding"].tolist() == ["w_300"]
    many = choose_smallest_sufficient(scored(means, n_units=4000), "w", DIMS, BYTES)
    assert many.loc[many["chosen"], "embedding"].tolist() == ["w_50"]


def test_of_equal_sizes_the_better_comes_first() -> None:
    same = {"w_50": 200.0, "w_100": 200.0, "w_300": 1200.0}
    table = choose_smallest_sufficient(scored({"w_50": 0.795, "w_100": 0.797, "w_300": 0.798}), "w", DIMS, same)
    assert table["embedding"].iloc[0] == "w_100" and table["chosen"].iloc[0]


@pytest.mark.slow
def test_an_inferior_size_is_rarely_let_through() -> None:
    """A size that is worse by the margin exactly is let through in at most 5 % of the cases."""
    rng = np.random.default_rng(11)
    let_through = 0
    for _ in range(200):
        noise = 0.3 * rng.standard_normal((300, 2))
        scores = np.array([0.78, 0.80]) + noise
        part = Scored.of_units(
            Criterion("topic", "accuracy", 0.02), SystemScores(scores, ["w_50", "w_100"]), n_resamples=500, rng=rng
        )
        table = choose_smallest_sufficient(part, "w", DIMS, BYTES)
        let_through += bool(table.set_index("embedding").loc["w_50", "non_inferior"] and table["best"].iloc[0] == "w_100")
    assert let_through <= 18  # 5 % of 200, and 2.6 standard deviations
