"""Choosing under a budget, with planted truth: is it the choice of the full grid, and at what cost?

    python benchmarks/sequential_choice.py

Grids of embeddings on one task whose units are right or wrong (or have a graded score), with a difficulty that all share:
some embeddings are close to the best, most are worse. Rounds score 1/32, 1/16 … and all of the units. A cell costs what its
embedding costs for a unit; these costs differ a hundredfold. Printed: grids of 100 in which the decision is that of the full
grid, those in which the one that is measured best on all units was dropped, and the share of the full grid's cost.

Then the level: all embeddings but one are worse by exactly the margin; in how many grids is any of them dropped? And why
bets: two embeddings are equally good, one wins often by a little and loses rarely by much. In how many orders of the units
is it shown to be better, by bets and by t intervals for a finite set at five planned looks (the level divided by five)?
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t

from emb_pipeline.statistics.decision.decide import Rules, decide
from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.sequential.betting import find_lower_bound
from emb_pipeline.statistics.sequential.family import find_level
from emb_pipeline.statistics.sequential.standings import EarlyRules, find_standings
from emb_pipeline.statistics.system_scores import SystemScores

N_GRIDS, N_NULL, N_ORDERS = 100, 500, 3000
FIRST, GROWTH, FEWEST = 1 / 32, 2, 50
LEVEL, MARGIN = 0.05, 0.01
GRIDS = (
    (20, 5, 500, True),
    (20, 5, 2000, False),
    (20, 5, 2000, True),
    (20, 5, 10_000, False),
    (10, 2, 10_000, True),
    (20, 5, 10_000, True),
    (50, 5, 10_000, True),
)


def main() -> None:
    """Print the tables."""
    print(f"{'embeddings, near, units, scores':34} {'same':>6} {'wrong':>6} {'cost %':>8}")
    for n_embeddings, n_near, n_units, is_graded in GRIDS:
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
    level = EarlyRules(2000, 20, MARGIN, LEVEL).level_of_pair
    shown = np.mean([_run_skewed(np.random.default_rng(order), level) for order in range(N_ORDERS)], axis=0)
    print(
        f"\nequally good, % of orders at level {100 * level:.2f} %: bets {100 * shown[0]:.2f}, t {100 * shown[1]:.2f}",
        flush=True,
    )


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
        return np.asarray(np.clip(means[None, :] + 0.35 * (ranks - 0.5), 0.0, 1.0))
    return np.asarray(ranks < means[None, :], dtype=float)


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


def _run_skewed(rng: np.random.Generator, level: float) -> tuple[bool, bool]:
    """Whether a difference whose mean over 2,000 units is 0 is shown to be above 0: by bets, and by t intervals."""
    units, looks = np.zeros(2000), (62, 125, 250, 500, 1000)
    units[:60], units[60:72] = 0.2, -1.0
    drawn = rng.permutation(units)
    by_bets, by_t = False, False
    for n in looks:
        values = drawn[:n]
        by_bets |= find_lower_bound(values, n_total=2000, lowest=-1.0, highest=1.0, level=level) > 0
        error = values.std(ddof=1) * np.sqrt(1 / n - 1 / 2000)
        by_t |= bool(error > 0 and values.mean() > t.isf(level / len(looks), n - 1) * error)
    return by_bets, by_t


if __name__ == "__main__":
    main()
