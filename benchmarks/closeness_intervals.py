"""Coverage of the interval of a rank correlation over embeddings that come in clusters, with and without the clusters.

python benchmarks/closeness_intervals.py 500
"""

from __future__ import annotations

import sys

import numpy as np

from emb_pipeline.statistics.closeness.rank_association import estimate_rank_association

SIZES = (1, 2, 3)
WITHIN = 0.8
"""Correlation of two embeddings of a cluster, in the measure and in the score."""


def draw(n_clusters: int, rho: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw two normal values of the embeddings of clusters, with this correlation."""
    clusters = np.repeat(np.arange(n_clusters), rng.choice(SIZES, n_clusters))
    root = np.linalg.cholesky([[1.0, rho], [rho, 1.0]])
    between, within = (rng.standard_normal((n, 2)) @ root.T for n in (n_clusters, len(clusters)))
    both = np.sqrt(WITHIN) * between[clusters] + np.sqrt(1 - WITHIN) * within
    return both[:, 0], both[:, 1], clusters


def main() -> None:
    """Print a line for each number of clusters and each planted correlation."""
    n_sets = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for n_clusters in (6, 8, 12):
        for rho in (0.0, 0.5, 0.8):
            rng = np.random.default_rng(0)
            true, covered, alone = 6 / np.pi * np.arcsin(rho / 2), 0, 0
            for _ in range(n_sets):
                one, other, clusters = draw(n_clusters, rho, rng)
                for number, groups in enumerate((clusters, np.arange(len(one)))):
                    found = estimate_rank_association(one, other, groups)
                    is_inside = not np.isfinite(found.low) or found.low <= true <= found.high
                    covered += is_inside * (number == 0)
                    alone += is_inside * (number == 1)
            shares = f"{covered / n_sets:.1%} covered, {alone / n_sets:.1%} without clusters"
            print(f"{n_clusters} clusters, rho {true:.2f}: {shares}")


if __name__ == "__main__":
    main()
