"""Choosing under a budget, replayed on the item scores of a finished run: is it the choice of the full grid?

    kedro run --env medical
    python benchmarks/sequential_replay.py medical

For each task whose primary metric is a mean of what units score: 100 random orders of its test units. Rounds score 1/32,
1/16 … of them, and what can no longer be chosen is dropped. Printed: orders in which the decision among what remains is
that of the full grid, those in which the full grid's choice or its best was dropped, how many embeddings remain, and which
shares of the full grid's scores of units, and of its time to encode, are spent.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emb_pipeline.statistics.decision.decide import Rules, decide
from emb_pipeline.statistics.decision.run_decision import find_floors
from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.embedding_facts import CONTROL
from emb_pipeline.statistics.intervals.metric_ranges import find_range
from emb_pipeline.statistics.score_tables import TaskScores, read_task_scores
from emb_pipeline.statistics.sequential.family import find_level
from emb_pipeline.statistics.sequential.standings import EarlyRules, find_standings
from emb_pipeline.statistics.system_scores import SystemScores

N_ORDERS, FIRST, GROWTH, FEWEST, LEVEL, MARGIN = 100, 1 / 32, 2, 50, 0.05, 0.01
CHEAP_BY = ("bytes_per_item", "encode_seconds")


def main(use_case: str) -> None:
    """Print a line for each task."""
    board = _read_leaderboard(use_case)
    tables = [pq.read_table(path) for path in sorted(Path(f"data/07_model_output/{use_case}").rglob("item_scores.parquet"))]
    print(f"{'task, units, embeddings':36} {'same':>5} {'lost':>5} {'left':>6} {'scores %':>9} {'encoding %':>11}")
    for task, rows in board[board["primary"]].groupby("task"):
        metric = str(rows["metric"].iloc[0])
        (found,) = read_task_scores(
            [table for table in tables if pa.compute.all(pa.compute.equal(table["task"], task)).as_py()]
        )
        low, high = find_range(metric)
        names = [name for name, cells in found.families.items() if found.cells[cells[0]]["origin"] != CONTROL]
        columns = [list(found.families).index(name) for name in names]
        values = found.average_families(metric)[:, columns]
        if len(names) < 3 or values.min() < low or values.max() > high:
            continue
        costs = rows.groupby("embedding")[list(CHEAP_BY)].first().reindex(names)
        scored = _score(found, metric, names, values)
        whole = _choose(scored, costs, LEVEL)
        replays = [_replay(np.random.default_rng(order), scored, values, costs, whole) for order in range(N_ORDERS)]
        same, lost, left, units, seconds = np.mean(replays, axis=0)
        name = f"{task}, {len(values):,}, {len(names)}"
        print(
            f"{name:36} {100 * same:5.0f} {100 * lost:5.0f} {left:6.1f} {100 * units:9.1f} {100 * seconds:11.1f}", flush=True
        )


def _replay(
    rng: np.random.Generator, scored: Scored, values: np.ndarray, costs: pd.DataFrame, whole: str
) -> tuple[bool, bool, int, float, float]:
    names, n_units = scored.embeddings, len(values)
    seconds = costs["encode_seconds"].fillna(0.0).to_numpy()
    drawn = values[rng.permutation(n_units)]
    rules = EarlyRules(n_units, len(names), MARGIN, LEVEL, *find_range(scored.metric))
    alive, share, n_seen = list(names), FIRST, np.zeros(len(names))
    while len(alive) > 1 and share < 1:
        n = min(max(round(share * n_units), FEWEST), n_units)
        places = [names.index(name) for name in alive]
        n_seen[places] = n
        standings = find_standings({names[place]: drawn[:n, place] for place in places}, rules)
        alive = [name for name in alive if not standings[name].is_dropped]
        share *= GROWTH
    n_seen[[names.index(name) for name in alive]] = n_units
    chosen = _choose(scored.select_embeddings(alive), costs, find_level(LEVEL, len(alive), len(names)))
    is_lost = whole not in alive or names[int(scored.values.argmax())] not in alive
    part = n_seen / n_units
    return chosen == whole, is_lost, len(alive), float(part.mean()), float(part @ seconds / max(seconds.sum(), 1e-9))


def _score(found: TaskScores, metric: str, names: list[str], values: np.ndarray) -> Scored:
    """Score the candidates as the decision does, but for what training adds to their variance."""
    whole = Scored.of_units(
        Criterion(found.task, metric, MARGIN),
        SystemScores(values, names, groups=found.groups),
        find_floors(found, metric),
        n_resamples=1000,
        rng=np.random.default_rng(0),
    )
    return replace(whole, labels_note="")


def _choose(scored: Scored, costs: pd.DataFrame, level: float) -> str:
    candidates, _ = decide(scored, costs.loc[scored.embeddings], Rules(cheapest_by=CHEAP_BY, level=level))
    return str(candidates.loc[candidates["chosen"], "embedding"].iloc[0])


def _read_leaderboard(use_case: str) -> pd.DataFrame:
    newest = max(Path(f"data/08_reporting/{use_case}/leaderboard.parquet").glob("*/*.parquet"))
    return pd.read_parquet(newest)


if __name__ == "__main__":
    main(sys.argv[1])
