"""How often a report claims a difference that is not there, whatever else differs.

    python benchmarks/null_reports.py [number of reports, 60 by default] [processes, 1 by default]

Simulated: items of unequal difficulty, and embeddings that answer each right with the item's own probability, so that what
differs is luck, as between training seeds of one embedding. A report has three tasks, a grid of two corpora, two methods and
two dimensions, baselines, one control a task, and scores at three numbers of labels; everything is tested as the pipeline
tests it (`emb_pipeline.statistics.comparisons.claims`). Worlds:

* nothing differs, the control among them;
* the control is far below the rest: what every use case looks like;
* a baseline truly leads, and the control is below;
* two clusters: all domain embeddings are better than all generic ones.

A report errs if any claim that is false in its world has an adjusted p of at most 5 %: a pair of equal embeddings, a factor
without effect, a point of a learning curve, an average over tasks.
"""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import product

import numpy as np
import pandas as pd

from emb_pipeline.statistics.comparisons.claims import ACROSS, CURVE, FACTOR, PAIR, CurvePoint, check_claims
from emb_pipeline.statistics.effects.designs import find_designs
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores

GRID = list(product(("domain", "generic"), ("word2vec", "glove"), ("50", "100")))
NAMES = [*(f"{corpus}.{method}_{dim}" for corpus, method, dim in GRID), "task.tfidf", "task.one_hot", "control.random_50"]
TASKS, N_ITEMS, N_LABELS = ("one", "two", "three"), 400, 1000
COUNTS, DRAWS, DRAW_SD = (30, 100, 300), 5, 0.02
RESAMPLING = Resampling(permutations=999)
FAR = 0.12
WORLDS = {
    "nothing differs": np.zeros(len(NAMES)),
    "the control differs": np.where([name.startswith("control") for name in NAMES], -FAR, 0.0),
    "a baseline leads": np.where(
        [name.startswith("control") for name in NAMES], -FAR, np.where([name == "task.tfidf" for name in NAMES], FAR, 0.0)
    ),
    "two clusters": np.where([name.startswith("domain") for name in NAMES], FAR, 0.0),
}


def simulated(world: str, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Claims of one report, and which of them are false."""
    rng = np.random.default_rng([7, seed])
    better = WORLDS[world]
    tasks, designs, curves = [], {}, {}
    factors = pd.DataFrame(GRID, columns=["corpus", "method", "dim"])
    cells = [{"origin": name.split(".")[0], "method": name, "dim": 50, "seed": 0, "family": name} for name in NAMES]
    for task in TASKS:
        chances = np.clip(rng.beta(2, 1, size=(N_ITEMS, 1)) + better, 0, 1)
        right = (rng.random((N_ITEMS, len(NAMES))) < chances).astype(np.float64)
        tasks.append(TaskScores(task, NAMES, cells, np.arange(N_ITEMS), {"accuracy": right}, None, None))
        designs[task] = find_designs(factors, right[:, : len(GRID)], None, np.arange(len(GRID)))
        curves[task] = [_point(rng, chances, count) for count in COUNTS]
    claims = check_claims(tasks, dict.fromkeys(TASKS, "accuracy"), designs, RESAMPLING, curves)
    level = dict(zip(NAMES, better, strict=True))
    corpora = {"domain": better[: len(GRID) // 2].mean(), "generic": better[len(GRID) // 2 : len(GRID)].mean()}
    false = []
    for row in claims.to_dict("records"):
        if row["family"] in (PAIR, CURVE):
            false.append(level[row["embedding_a"]] == level[row["embedding_b"]])
        else:
            false.append(row["factor"] != "corpus" or bool(row["instead_of"]) or corpora["domain"] == corpora["generic"])
    return claims, np.array(false)


def _point(rng: np.random.Generator, chances: np.ndarray, count: int) -> CurvePoint:
    """Scores with fewer labels: means over draws, each of which moves every embedding by luck of its own."""
    shifts = DRAW_SD * rng.standard_normal((DRAWS, 1, len(NAMES)))
    easier = np.clip(chances * (0.8 + 0.2 * count / N_LABELS) + shifts, 0, 1)
    right = (rng.random((DRAWS, N_ITEMS, len(NAMES))) < easier).astype(np.float64)
    covariance = np.cov(right.mean(axis=1), rowvar=False)
    return CurvePoint(count, NAMES, right.mean(axis=0), ExtraVariance(covariance / DRAWS, DRAWS - 1))


def _one(arguments: tuple[str, int]) -> tuple[str, set[str], int, int]:
    world, seed = arguments
    claims, false = simulated(world, seed)
    rejected = (claims["p_adjusted"] <= RESAMPLING.level).to_numpy()
    wrong = set(claims.loc[rejected & false, "family"])
    return world, wrong, int((rejected & ~false).sum()), int((~false).sum())


def main(n_reports: int, processes: int) -> None:
    """Simulate reports of each world and say how many claim something false, and where."""
    work = [(world, seed) for world in WORLDS for seed in range(n_reports)]
    errors: dict[str, Counter[str]] = {world: Counter() for world in WORLDS}
    power: dict[str, list[int]] = {world: [0, 0] for world in WORLDS}
    with ProcessPoolExecutor(processes) as pool:
        for world, wrong, right, true in pool.map(_one, work, chunksize=4):
            errors[world].update([*wrong, *(["any"] if wrong else [])])
            power[world][0] += right
            power[world][1] += true
    print(f"{n_reports} reports of each world, {len(TASKS)} tasks, {len(NAMES)} embeddings")
    for world, counts in errors.items():
        where = ", ".join(f"{family} {counts[family]}" for family in (PAIR, FACTOR, CURVE, ACROSS) if counts[family])
        found, true = power[world]
        said = f"; {found / true:.0%} of true differences found" if true else ""
        print(f"  {world}: {counts['any']} claim something false ({where or 'nowhere'}){said}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
