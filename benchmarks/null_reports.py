"""How often a report of embeddings that do not differ says that some do.

    python benchmarks/null_reports.py [number of reports, 100 by default]

Simulated: items of unequal difficulty, and embeddings that answer each right with the item's own probability, so all
differences are luck, as between training seeds of one embedding. A report has several tasks, with scores at several
numbers of labels. It finds something if any of its claims has an adjusted p of at most the level: letters from all pairs,
domain against generic, the factors of the grid on each task and over tasks, or one embedding ahead of another, or behind
it, on a learning curve. Counted twice: with the gate over all tests of a report, as the pipeline has it, and without.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa

from emb_pipeline.statistics import any_difference, factorial, label_curves
from emb_pipeline.statistics.across_tasks import effects_across_tasks
from emb_pipeline.statistics.leaderboard import CORPUS, comparisons, corpus_contrasts, effects
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, framed, task_scores
from emb_pipeline.tasks.scores import measured, stamped

CORPORA, METHODS, DIMS = ("domain", "generic"), ("word2vec", "glove"), (50, 100)
TASKS, N_ITEMS, N_LABELS = ("one", "two", "three"), 400, 1000
FRACTIONS, DRAWS, DRAW_SD = (0.03, 0.1, 0.3), 5, 0.02
RESAMPLING = Resampling(resamples=500, permutations=999)
METRICS = dict.fromkeys(TASKS, "accuracy")
OVER_TASKS = "over tasks"


def null_scores(rng: np.random.Generator) -> tuple[pa.Table, pd.DataFrame]:
    """Item scores and label draws of every embedding of a grid, all of them equally good at every number of labels."""
    draws: list[dict[str, object]] = []
    tables = [table for task in TASKS for table in _null_task(rng, task, draws)]
    return pa.concat_tables(tables), pd.DataFrame(draws)


def _null_task(rng: np.random.Generator, task: str, draws: list[dict[str, object]]) -> Iterator[pa.Table]:
    chances = rng.beta(2, 1, size=N_ITEMS)
    items = np.array([f"i{number}" for number in range(N_ITEMS)])
    for (corpus, method, dim), fraction in product(product(CORPORA, METHODS, DIMS), (*FRACTIONS, 1.0)):
        name = f"{corpus}.{method}_{dim}"
        n_draws = 1 if fraction == 1.0 else DRAWS
        shifts = (0.0 if fraction == 1.0 else DRAW_SD) * rng.standard_normal(n_draws)
        easier = np.clip(chances * (0.8 + 0.2 * fraction) + shifts[:, None], 0, 1)
        right = (rng.random((n_draws, N_ITEMS)) < easier).astype(np.float64)
        cell = {"origin": corpus, "method": method, "dim": dim, "tuned": False, "seed": 0, "embedding": name, "task": task}
        yield stamped(measured(items, items, {"accuracy": right.mean(axis=0)}, label_fraction=fraction), **cell)
        if fraction < 1.0:
            n_labels = round(fraction * N_LABELS)
            draws += [
                {
                    "task": task,
                    "embedding": name,
                    "n_labels": n_labels,
                    "label_fraction": fraction,
                    "draw": draw,
                    "value": value,
                }
                for draw, value in enumerate(right.mean(axis=1))
            ]


def findings(scores: pa.Table, draws: pd.DataFrame) -> dict[bool, set[str]]:
    """The sections of a report that claim a difference, with the gate (True) and without it."""
    table = scores.to_pandas()
    tasks = list(task_scores(table))
    designs = {found.task: _designs(found) for found in tasks}
    differences = any_difference.any_differences([*_tests(tasks, designs), *_curve_tests(scores, draws)])
    contrasts = {CORPUS: corpus_contrasts(table["embedding"].unique())}
    factors = framed(list(_factor_effects(designs)), factorial.FACTOR_EFFECTS)
    claims = {
        "pairs": comparisons(table, METRICS, RESAMPLING),
        "corpus": effects(table, contrasts, METRICS, RESAMPLING),
        "factors": factors,
        "factors over tasks": effects_across_tasks(factors),
    }
    found = {}
    for gate in (True, False):
        floors = any_difference.floors(differences) if gate else {}
        of_curves = any_difference.floors(differences, any_difference.FEWER) if gate else {}
        floors = {**floors, OVER_TASKS: min(floors.values(), default=0.0)}
        gated = {name: any_difference.with_floors(_of_tasks(rows), floors) for name, rows in claims.items()}
        found[gate] = {name for name, rows in gated.items() if (rows["p_adjusted"] <= RESAMPLING.level).any()}
        _, crossovers = label_curves.learning_curves(scores, draws, METRICS, RESAMPLING, floors=of_curves)
        if (crossovers["verdict"] != label_curves.UNTOLD).any():
            found[gate].add("learning curves")
    return found


def _of_tasks(claims: pd.DataFrame) -> pd.DataFrame:
    return claims if "task" in claims else claims.assign(task=OVER_TASKS)


def _tests(tasks: Sequence[TaskScores], designs: Mapping[str, list[factorial.Design]]) -> Iterator[dict[str, object]]:
    for found in tasks:
        p = any_difference.any_scores_differ(found, "accuracy", designs[found.task], RESAMPLING)
        yield {"task": found.task, "metric": "accuracy", "labels": any_difference.ALL, "p": p, "n": N_ITEMS}


def _curve_tests(scores: pa.Table, draws: pd.DataFrame) -> Iterator[dict[str, object]]:
    for task, (p, n) in label_curves.any_curve_differs(scores, draws, METRICS, RESAMPLING).items():
        yield {"task": task, "metric": "accuracy", "labels": any_difference.FEWER, "p": p, "n": n}


def _designs(scores: TaskScores) -> list[factorial.Design]:
    factors = pd.DataFrame(scores.cells).rename(columns={"origin": "corpus"}).astype({"dim": str})
    return factorial.designs_of(factors[["corpus", "method", "dim"]], scores.metrics["accuracy"])


def _factor_effects(designs: Mapping[str, list[factorial.Design]]) -> Iterator[dict[str, object]]:
    for task, of_task in designs.items():
        for row in factorial.factor_effects(of_task, n_resamples=500, n_permutations=999, rng=RESAMPLING.rng()):
            yield {"task": task, "metric": "accuracy", **row}


def main(n_reports: int) -> None:
    """Simulate reports and say how many claim something, and where."""
    where: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    silent: Counter[bool] = Counter()
    for seed in range(n_reports):
        scores, draws = null_scores(np.random.default_rng([7, seed]))
        for gate, found in findings(scores, draws).items():
            where[gate].update(found)
            silent[gate] += not found
    print(f"{n_reports} reports of {len(TASKS)} tasks")
    for gate, counts in where.items():
        print(f"{'with' if gate else 'without'} the gate {silent[gate]} find nothing")
        for name, count in counts.most_common():
            print(f"  {name}: {count}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
