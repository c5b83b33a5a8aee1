"""How often two equal systems are called different where units depend on each other: ignoring it, and knowing it.

    python benchmarks/grouped_units.py

Groups with an intra-class correlation of .17, of 2, 5 and 20 units; pairs of texts with effects of their own, each text in
1, 2 and 5 pairs. Prints shares of 400 data sets that are rejected at 5 %.
"""

from __future__ import annotations

import numpy as np

from emb_pipeline.statistics.comparisons.pairs import run_sign_flip_tests
from emb_pipeline.statistics.intervals.dyadic import estimate_dyadic_excess

N_SETS, N_UNITS = 400, 300


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    print(f"{'units':32} {'ignored':>8} {'known':>8}")
    for size in (2, 5, 20):
        rejected = np.zeros(2)
        groups = np.repeat(np.arange(N_UNITS // size), size)
        for _ in range(N_SETS):
            effects = rng.normal(0, np.sqrt(0.17), (N_UNITS // size, 2))
            scores = effects[groups] + rng.normal(0, np.sqrt(0.83), (N_UNITS, 2))
            for place, known in enumerate((None, groups)):
                rejected[place] += run_sign_flip_tests(scores, n_permutations=199, rng=rng, groups=known)[0][0] <= 0.05
        print(f"{f'groups of {size}':32} {100 * rejected[0] / N_SETS:8.1f} {100 * rejected[1] / N_SETS:8.1f}", flush=True)
    for uses in (1, 2, 5):
        rejected = np.zeros(2)
        for _ in range(N_SETS):
            texts = rng.permutation(np.repeat(np.arange(2 * N_UNITS // uses), uses)).reshape(N_UNITS, 2)
            effects = rng.normal(size=(texts.max() + 1, 2))
            scores = effects[texts[:, 0]] + effects[texts[:, 1]] + rng.normal(size=(N_UNITS, 2))
            for place, extra in enumerate((None, estimate_dyadic_excess(scores, texts))):
                rejected[place] += run_sign_flip_tests(scores, n_permutations=199, rng=rng, extra=extra)[0][0] <= 0.05
        name = f"pairs, each text in {uses}"
        print(f"{name:32} {100 * rejected[0] / N_SETS:8.1f} {100 * rejected[1] / N_SETS:8.1f}", flush=True)


if __name__ == "__main__":
    main()
