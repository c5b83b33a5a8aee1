"""How often a report of embeddings that do not differ says that some do.

    python benchmarks/null_reports.py [number of reports, 100 by default]

Simulated: items of unequal difficulty, and embeddings that answer each right with the item's own probability, so all
differences are luck, as between training seeds of one embedding. A report is what the pipeline computes of such scores for
one task: letters from all pairs, domain against generic, and the factors of the grid. It finds something if any
of these has an adjusted p of at most the level.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa

from emb_pipeline.statistics import factorial
from emb_pipeline.statistics.leaderboard import CORPUS, Resampling, comparisons, corpus_contrasts, effects
from emb_pipeline.tasks.scores import measured, stamped

CORPORA, METHODS, DIMS = ("domain", "generic"), ("word2vec", "glove"), (50, 100)
RESAMPLING = Resampling(resamples=500, permutations=999)


def null_scores(rng: np.random.Generator, n_items: int = 500) -> Iterator[pa.Table]:
    """Item scores of every embedding of a grid, all of them equally good."""
    chances = rng.beta(2, 1, size=n_items)
    items = np.array([f"i{number}" for number in range(n_items)])
    for corpus, method, dim in product(CORPORA, METHODS, DIMS):
        right = (rng.random(n_items) < chances).astype(np.float64)
        name = f"{corpus}.{method}_{dim}"
        yield stamped(
            measured(items, items, {"accuracy": right}),
            origin=corpus,
            method=method,
            task="null",
            dim=dim,
            tuned=False,
            seed=0,
            embedding=name,
        )


def findings(scores: pa.Table) -> set[str]:
    """The sections of a report that claim a difference."""
    table = scores.to_pandas()
    metrics = {"null": "accuracy"}
    claims = {
        "pairs": comparisons(table, metrics, RESAMPLING)["p_adjusted"],
        "corpus": effects(table, {CORPUS: corpus_contrasts(table["embedding"].unique())}, metrics, RESAMPLING)["p_adjusted"],
    }
    wide = table.pivot(index="unit_id", columns="embedding", values="value")
    cells = table.drop_duplicates("embedding").set_index("embedding").loc[wide.columns]
    factors = pd.DataFrame({"corpus": cells["origin"], "method": cells["method"], "dim": cells["dim"].astype(str)})
    designs = factorial.designs_of(factors, wide.to_numpy())
    rows = factorial.factor_effects(designs, n_resamples=500, n_permutations=999, rng=RESAMPLING.rng())
    claims["factors"] = pd.Series([row["p_adjusted"] for row in rows], dtype="float64")
    return {name for name, p in claims.items() if (p <= RESAMPLING.level).any()}


def main(n_reports: int) -> None:
    """Simulate reports and say how many claim something, and where."""
    where: Counter[str] = Counter()
    silent = 0
    for seed in range(n_reports):
        found = findings(pa.concat_tables(null_scores(np.random.default_rng([7, seed]))))
        where.update(found)
        silent += not found
    print(f"{silent} of {n_reports} reports find nothing")
    for name, count in where.most_common():
        print(f"  {name}: {count}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
