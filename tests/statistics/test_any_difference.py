"""Whether any embedding differs: the gate before all claims of a report."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from emb_pipeline.statistics.any_difference import ALL, FEWER, any_differences, any_scores_differ, floors, with_floors
from emb_pipeline.statistics.factorial import Design, designs_of
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, task_scores
from emb_pipeline.tasks.scores import measured, stamped

RESAMPLING = Resampling(resamples=100, permutations=499)
GRID = list(product(("domain", "generic"), ("word2vec", "fasttext", "glove", "lsa")))


def _scores(rng: np.random.Generator, domain: float = 0.0, n: int = 200) -> tuple[TaskScores, list[Design]]:
    """Scores of eight embeddings of one grid, those trained on the domain better by so much on average."""
    items = np.array([f"i{number}" for number in range(n)])
    difficulty = rng.normal(0, 0.3, size=n)
    tables = [
        stamped(
            measured(items, items, {"accuracy": difficulty + rng.normal(0, 0.3, size=n) + domain * (origin == "domain")}),
            origin=origin,
            method=method,
            task="t",
            dim=50,
            tuned=False,
            seed=0,
            embedding=f"{origin}.{method}_50",
        )
        for origin, method in GRID
    ]
    (found,) = task_scores(pa.concat_tables(tables))
    factors = pd.DataFrame(GRID, columns=["corpus", "method"]).assign(dim="50")
    return found, designs_of(factors, found.metrics["accuracy"])


def test_where_nothing_differs_p_is_small_as_often_as_it_should_be() -> None:
    rng = np.random.default_rng(0)
    p = np.array([any_scores_differ(*_with_metric(_scores(rng)), RESAMPLING) for _ in range(100)])
    assert (p <= 0.05).mean() <= 0.12
    assert 0.4 <= p.mean() <= 0.6


def test_a_difference_that_only_the_average_over_a_grid_shows_opens_the_gate() -> None:
    """Domain text adds a little to each of four methods: pairs seldom show it, the mean over methods often does."""
    rng = np.random.default_rng(2)
    opened = {"pairs": 0, "all": 0}
    for _ in range(50):
        found, designs = _scores(rng, domain=0.05)
        opened["pairs"] += any_scores_differ(found, "accuracy", [], RESAMPLING) <= 0.05
        opened["all"] += any_scores_differ(found, "accuracy", designs, RESAMPLING) <= 0.05
    assert opened["all"] > opened["pairs"] + 4, opened


def test_without_a_second_embedding_nothing_can_differ() -> None:
    found, _ = _scores(np.random.default_rng(3))
    metrics = {"accuracy": found.metrics["accuracy"][:, :1]}
    alone = replace(found, embeddings=found.embeddings[:1], cells=found.cells[:1], metrics=metrics)
    assert any_scores_differ(alone, "accuracy", [], RESAMPLING) == 1.0


def test_a_claim_cannot_be_surer_than_its_task_as_a_whole() -> None:
    place = {"metric": "accuracy", "n": 10}
    table = any_differences(
        [
            {"task": "a", "labels": ALL, "p": 0.001, **place},
            {"task": "b", "labels": ALL, "p": 0.03, **place},
            {"task": "a", "labels": FEWER, "p": 0.2, **place},
        ]
    )
    assert table["p_adjusted"].tolist() == pytest.approx([0.003, 0.06, 0.2])  # Holm: × 3, × 2, × 1
    assert floors(table, FEWER) == pytest.approx({"a": 0.2})
    claims = pd.DataFrame({"task": ["a", "a", "b", "other"], "p_adjusted": [0.002, 0.04, 0.01, 0.02]})
    assert with_floors(claims, floors(table))["p_adjusted"].tolist() == pytest.approx([0.003, 0.04, 0.06, 0.02])


def _with_metric(made: tuple[TaskScores, list[Design]]) -> tuple[TaskScores, str, list[Design]]:
    return made[0], "accuracy", made[1]
