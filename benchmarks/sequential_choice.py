"""Choosing under a budget, with planted truth: is it the choice of the full grid, and at what cost?

    python benchmarks/sequential_choice.py

Grids of embeddings on one task whose units are right or wrong (or have a graded score), with a difficulty that all share:
some embeddings are close to the best, most are worse. Rounds score 1/32, 1/16 … and all of the units. A cell costs what its
embedding costs for a unit; these costs differ a hundredfold. Printed: grids of 100 in which the decision is that of the full
grid, those in which an embedding was dropped that is within the margin of the best, and the share of the full grid's cost.

Then the level: all embeddings but one are worse by exactly the margin; in how many grids is any of them dropped?
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from emb_pipeline.statistics.decision.decide import Rules, decide
from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.sequential.family import find_level
from emb_pipeline.statistics.sequential.standings import EarlyRules, find_standings
from emb_pipeline.statistics.system_scores import SystemScores

N_GRIDS, N_NULL = 100, 1000
FIRST, GROWTH, FEWEST = 1 / 32, 2, 50
LEVEL, MARGIN = 0.05, 0.01


def main() -> None:
    """Print both tables."""
    print(f"{'embeddings, near, units, scores':34} {'same':>6} {'wrong':>6} {'cost %':>8}")
    for n_embeddings, n_near in ((10, 2), (20, 2), (20, 5), (50, 5)):
        for n_units in (500, 2000, 10_000):
            for is_graded in (False, True):
                seeds = [n_embeddings, n_near, n_units, int(is_graded)]
                grids = [_run_grid(np.random.default_rng([*seeds, grid]), *seeds) for grid in range(N_GRIDS)]
                same, wrong, cost = np.mean(grids, axis=0)
                name = f"{n_embeddings}, {n_near}, {n_units:,}, {'graded' if is_graded else 'right or wrong'}"
                print(f"{name:34} {100 * same:6.0f} {100 * wrong:6.0f} {100 * cost:8.1f}", flush=True)
    print(f"\n{'at the margin: embeddings, units':34} {'grids with a dropped one, %':>30}")
    for n_embeddings, n_units in ((5, 500), (20, 2000)):
        dropped = [
            _run_null(np.random.default_rng([n_embeddings, n_units, grid]), n_embeddings, n_units) for grid in range(N_NULL)
        ]
        print(f"{f'{n_embeddings}, {n_units:,}':34} {100 * np.mean(dropped):30.1f}", flush=True)


def _run_grid(
    rng: np.random.Generator, n_embeddings: int, n_near: int, n_units: int, is_graded: int
) -> tuple[bool, bool, float]:
    """Whether the choice is that of the full grid, whether one within the margin was dropped, and the share of the cost."""
    lag = np.concatenate([[0.0], 0.01 * rng.random(n_near - 1), 0.03 + 0.25 * rng.random(n_embeddings - n_near) ** 1.5])
    scores = _draw_scores(rng, 0.8 - rng.permutation(lag), n_units, bool(is_graded))
    names = [f"domain.e{number}" for number in range(n_embeddings)]
    costs = 10 ** (2 * rng.random(n_embeddings))
    order = rng.permutation(n_units)
    whole = _choose(scores, names, costs)
    alive, paid = _drop_by_rounds(scores[order], names, costs)
    kept = [names.index(name) for name in alive]
    level = find_level(LEVEL, len(alive), n_embeddings)
    chosen = _choose(scores[:, kept], alive, costs[kept], level)
    means = scores.mean(axis=0)
    near = [name for name, mean in zip(names, means, strict=True) if mean >= means.max()]
    return chosen == whole, any(name not in alive for name in near), paid / (costs.sum() * n_units)


def _drop_by_rounds(scores: np.ndarray, names: list[str], costs: np.ndarray) -> tuple[list[str], float]:
    """Score more and more units, of fewer and fewer embeddings: those that remain, and what was paid for."""
    n_units = len(scores)
    rules = EarlyRules(n_units, len(names), MARGIN, LEVEL)
    alive, paid, share, before = list(names), 0.0, FIRST, 0
    while True:
        n = min(max(round(share * n_units), FEWEST), n_units)
        columns = [names.index(name) for name in alive]
        paid += float(costs[columns].sum() * (n - before))
        if n == n_units:
            return alive, paid
        standings = find_standings({names[column]: scores[:n, column] for column in columns}, rules)
        alive = [name for name in alive if not standings[name].is_dropped]
        if len(alive) == 1:  # what remains is scored on all units, for its interval
            return alive, paid + float(costs[names.index(alive[0])] * (n_units - n))
        share, before = share * GROWTH, n


def _choose(scores: np.ndarray, names: list[str], costs: np.ndarray, level: float = LEVEL) -> str:
    table = pd.DataFrame({"bytes_per_item": costs, "latency_ms_p95": costs, "train_seconds": costs}, index=names)
    scored = Scored.of_units(
        Criterion("topic", "accuracy", MARGIN), SystemScores(scores, names), n_resamples=1000, rng=np.random.default_rng(0)
    )
    candidates, _ = decide(scored, table, Rules(level=level))
    return str(candidates.loc[candidates["chosen"], "embedding"].iloc[0])


def _draw_scores(rng: np.random.Generator, means: np.ndarray, n_units: int, is_graded: bool) -> np.ndarray:
    """Scores of shape (n_units, n_embeddings) whose difficulty all share for two thirds of their variance."""
    shared = rng.normal(size=(n_units, 1))
    latent = np.sqrt(2 / 3) * shared + np.sqrt(1 / 3) * rng.normal(size=(n_units, len(means)))
    ranks = latent.argsort(axis=0).argsort(axis=0) / n_units
    if is_graded:
        return np.clip(means[None, :] + 0.35 * (ranks - 0.5), 0.0, 1.0)
    return (ranks < means[None, :]).astype(float)


def _run_null(rng: np.random.Generator, n_embeddings: int, n_units: int) -> bool:
    """Whether any embedding is dropped as worse by more than the margin that is worse by exactly the margin."""
    scores = np.repeat((rng.random((n_units, 1)) < 0.8).astype(float), n_embeddings, axis=1)
    for column in range(1, n_embeddings):
        right = np.flatnonzero(scores[:, 0])
        wrong = np.flatnonzero(scores[:, 0] == 0)
        moved = round(0.04 * n_units)
        scores[rng.choice(right, moved + round(MARGIN * n_units), replace=False), column] = 0
        scores[rng.choice(wrong, moved, replace=False), column] = 1
    names = [str(number) for number in range(n_embeddings)]
    rules = EarlyRules(n_units, n_embeddings, MARGIN, LEVEL)
    return any(
        each.behind > MARGIN
        for n in range(FEWEST, n_units, FEWEST)
        for each in find_standings({name: scores[:n, place] for place, name in enumerate(names)}, rules).values()
    )


if __name__ == "__main__":
    main()
