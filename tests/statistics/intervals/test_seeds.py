"""The luck of a training: its variance over seeds, and what tasks share of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emb_pipeline.statistics.effects.across_tasks import average_effects_across_tasks
from emb_pipeline.statistics.effects.designs import find_designs
from emb_pipeline.statistics.effects.factorial import FACTOR_EFFECTS, TrainingVariance, estimate_factor_effects
from emb_pipeline.statistics.intervals.seeds import estimate_seed_variance
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, make_table

CELLS = [
    (corpus, method, seed)
    for corpus in ("domain", "generic")
    for method, seeds in (("w", 3), ("f", 1))
    for seed in range(seeds)
]


def _task(name: str, means: np.ndarray, n: int = 400, noise: float = 0.0, seed: int = 0) -> TaskScores:
    rng = np.random.default_rng(seed)
    units = rng.normal(0, 0.2 if noise else 0.0, size=(n, 1))
    scores = means + units + noise * rng.normal(size=(n, len(means)))
    embeddings = [f"{corpus}.{method}_50" + (f"_seed{number}" if number else "") for corpus, method, number in CELLS]
    cells = [
        {"origin": corpus, "method": method, "dim": 50, "seed": number, "family": f"{corpus}.{method}_50"}
        for corpus, method, number in CELLS
    ]
    return TaskScores(name, embeddings, cells, np.arange(n), {"accuracy": scores}, None, None)


FAMILIES = {"domain.w_50", "domain.f_50", "generic.w_50", "generic.f_50"}
METRICS = {"one": "accuracy", "two": "accuracy"}


def test_variance_and_covariance_by_hand() -> None:
    """Deviations of three seeds from their mean, pooled over two embeddings: two degrees of freedom each."""
    one = np.array([0.90, 0.94, 0.92, 0.8, 0.50, 0.50, 0.53, 0.4])
    two = np.array([0.70, 0.72, 0.71, 0.6, 0.30, 0.33, 0.30, 0.2])
    found = estimate_seed_variance([_task("one", one), _task("two", two)], METRICS, FAMILIES)
    assert found is not None and found.freedom == 4
    assert found.covariance[0, 0] == pytest.approx((2 * 0.02**2 + 2 * 0.01**2 + 0.02**2) / 4)
    assert found.covariance[1, 1] == pytest.approx((2 * 0.01**2 + 2 * 0.01**2 + 0.02**2) / 4)
    assert found.covariance[0, 1] == pytest.approx(
        (2 * 0.02 * 0.01 + 0.01 * 0.01 - 0.01 * 0.02 - 0.02 * 0.01) / 4, abs=1e-12
    )


def test_without_seeds_there_is_none() -> None:
    assert estimate_seed_variance([_task("one", np.zeros(8))], METRICS, {"domain.f_50"}) is None


def test_the_chance_of_the_units_is_no_variance_between_seeds() -> None:
    found = [
        estimate_seed_variance([_task("one", np.full(8, 0.7), noise=0.4, seed=seed)], METRICS, FAMILIES).covariance[0, 0]  # type: ignore[union-attr]
        for seed in range(60)
    ]
    assert np.mean(np.array(found) == 0) > 0.3  # .4² / 400 = .0004 for a seed: half of the estimates fall below
    assert np.mean(found) < 0.00015


@pytest.mark.slow
@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_intervals_of_effects_hold_for_other_seeds_on_each_task_and_over_tasks(shared: float) -> None:
    """No effect, trained again each time. p and interval speak of the same: both hold seeds."""
    rng = np.random.default_rng(23)
    factors = pd.DataFrame([(corpus, method, "50") for corpus, method, _ in CELLS], columns=["corpus", "method", "dim"])
    covered = {"a task": 0, "over tasks": 0, "over tasks, as if independent": 0}
    rejected, n, sd = 0, 60, 0.02
    tasks = ["one", "two", "three"]
    for repeat in range(n):
        luck = rng.normal(0, sd, size=(4, len(CELLS)))
        scores = []
        for number, name in enumerate(tasks):
            own = np.sqrt(shared) * luck[0] + np.sqrt(1 - shared) * luck[1 + number]
            means = 0.6 + own
            scores.append(_task(name, means, n=500, noise=0.1, seed=1000 * repeat + number))
        seeds = estimate_seed_variance(scores, dict.fromkeys(tasks, "accuracy"), FAMILIES)
        assert seeds is not None
        rows = []
        for number, each in enumerate(scores):
            designs = find_designs(factors, each.metrics["accuracy"], each.groups)[:1]
            found = estimate_factor_effects(
                designs,
                Resampling(resamples=600, permutations=199),
                rng=rng,
                trainings=TrainingVariance(of_seeds=seeds.covariance[number, number], seed_freedom=seeds.freedom),
            )
            rows += [{"task": each.task, "metric": "accuracy", **row} for row in found]
        (main,) = [row for row in rows if row["task"] == "one" and row["factor"] == "corpus" and not row["within"]]
        covered["a task"] += main["ci_low"] <= 0 <= main["ci_high"]
        rejected += main["p"] <= 0.05
        effects = make_table(rows, FACTOR_EFFECTS)
        for name, given in (("over tasks", seeds), ("over tasks, as if independent", None)):
            across = average_effects_across_tasks(effects, seeds=given, tasks=tasks)
            (row,) = across[across["factor"] == "corpus"].to_dict("records")
            covered[name] += row["ci_low"] <= 0 <= row["ci_high"]
    assert covered["a task"] >= 0.88 * n
    assert rejected <= 0.12 * n
    assert covered["over tasks"] >= 0.88 * n
    if shared:
        assert covered["over tasks, as if independent"] <= 0.85 * n
