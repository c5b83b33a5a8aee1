"""Coverage of 95 % intervals with few test units: plain percentiles, as before, against what is shipped.

    python benchmarks/small_test_sets.py

Prints a line for each kind of score and number of units: share of 1,000 data sets whose interval holds the truth, and share
of intervals without width.
"""

from __future__ import annotations

import numpy as np

from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means, keep_in_range
from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio, compute_spearman
from emb_pipeline.statistics.resampling import draw_multinomial_counts

N_SETS, N_RESAMPLES = 1000, 1000
Made = tuple[np.ndarray, float, tuple[float, float], np.ndarray | float]
"""Scores of shape (n_units, n_sets), the truth, the metric's range, and how many units count."""


def accuracy(n: int, share: float, rng: np.random.Generator) -> Made:
    """Units that are right or wrong."""
    return (rng.random((n, N_SETS)) < share).astype(float), share, (0, 1), n


def graded(n: int, rng: np.random.Generator) -> Made:
    """Scores like nDCG: a tenth 0, three quarters 1, the rest between."""
    draw = rng.random((n, N_SETS))
    return np.where(draw < 0.1, 0, np.where(draw < 0.85, 1, rng.beta(2, 2, draw.shape))), 0.825, (0, 1), n


def f1(n: int, n_entities: int, rng: np.random.Generator) -> Made:
    """Entities spread unevenly over sentences: recall .9, one found in ten is wrong."""
    columns, numbers = [], []
    for _ in range(N_SETS):
        gold = rng.multinomial(n_entities, rng.dirichlet(np.ones(n)))
        right = rng.binomial(gold, 0.9)
        below = gold + right + rng.poisson(0.1 * n_entities / n, n)
        columns.append(compute_ratio(2 * right, below))
        numbers.append(below.sum() ** 2 / (below**2).sum())
    return np.column_stack(columns), 0.9, (0, 1), np.array(numbers)


def spearman(n: int, rho: float, rng: np.random.Generator) -> Made:
    """Rank correlation of normal variables."""
    pairs = (rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=n).T for _ in range(N_SETS))
    return np.column_stack([compute_spearman(x, y) for x, y in pairs]), 6 / np.pi * np.arcsin(rho / 2), (-1, 1), n


def plain(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means of resampled units, and nothing else."""
    counts = np.concatenate(list(draw_multinomial_counts(len(scores), N_RESAMPLES, rng)))
    return np.asarray(counts @ scores / len(scores))


def told(resampled: np.ndarray, truth: float) -> str:
    """Coverage and intervals without width, in percent."""
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    covered = ((low <= truth + 1e-9) & (truth - 1e-9 <= high)).mean()
    return f"{100 * covered:5.1f} ({100 * (high - low < 1e-6).mean():4.1f})"


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    print(f"{'scores':24} {'n':>4}  {'before':>12}  {'after':>12}")
    for n in (10, 20, 50, 100, 200):
        made = {f"accuracy {share}": accuracy(n, share, rng) for share in (0.8, 0.95)} | {"graded": graded(n, rng)}
        made |= {f"F1 of {number} entities": f1(n, number, rng) for number in (8, 20, 50)}
        made |= {f"Spearman {rho}": spearman(n, rho, rng) for rho in (0.0, 0.7)}
        for name, (scores, truth, bounds, number) in made.items():
            resampled = bootstrap_means(scores, n_resamples=N_RESAMPLES, rng=rng)
            after = keep_in_range(scores.mean(axis=0), resampled, bounds, n_groups=number)
            print(f"{name:24} {n:4}  {told(plain(scores, rng), truth):>12}  {told(after, truth):>12}", flush=True)


if __name__ == "__main__":
    main()
