"""Errors of the drift report, simulated with planted truth: coverage of the area, false alarms, coverage of new scores.

python benchmarks/drift_rates.py [100]

Texts are points of 30 dimensions, of two sorts or along one direction, which the classifier has to find among the others.
An embedding is right on a text with a probability that depends on its sort, or on its place along the direction.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from emb_pipeline.statistics.drift.two_samples import FOLDS, Separation, separate_samples
from emb_pipeline.statistics.drift.weighted_scores import UnitsAndNew, estimate_new_scores
from emb_pipeline.statistics.resampling import Resampling

DIM, THRESHOLD, FRESH = 30, 0.6, 4000
"""Dimensions; the threshold of the verdict; further texts that the true area is measured on."""
AREA_SIZES, SCORE_SIZES = (50, 200), (200, 800)


@dataclass(frozen=True)
class Design:
    """How new texts differ from test texts.

    Attributes
    ----------
    name : str
    sort : float or None
        Share of the second sort among the new texts; it is 0.3 among the test texts.
    shift : float
        Of the new texts along one direction, in standard deviations.
    """

    name: str
    sort: float | None = None
    shift: float = 0.0

    def draw(self, n: int, is_new: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw texts, and the probability that an embedding is right on each."""
        points = rng.standard_normal((n, DIM))
        if self.sort is not None:
            is_second = rng.random(n) < (self.sort if is_new else 0.3)
            points[:, 0] += np.where(is_second, 3, -3)
            return points, np.where(is_second, 0.5, 0.9)
        points[:, 0] += self.shift * is_new
        return points, expit(1 - points[:, 0])


DESIGNS = (
    Design("same source", shift=0.0),
    Design("shift of 0.5", shift=0.5),
    Design("shift of 1", shift=1.0),
    Design("shift of 3", shift=3.0),
    Design("30 % of a sort become 60 %", sort=0.6),
    Design("30 % of a sort become 90 %", sort=0.9),
)


def simulate_areas(design: Design, n: int, n_runs: int) -> str:
    """Simulate the area: its coverage, the rate of the verdict "differs", and that of p at most 0.05."""
    rng, rows = np.random.default_rng(0), []
    for run in range(n_runs):
        points = np.concatenate([design.draw(size, new, rng)[0] for size in (n, FRESH) for new in (False, True)])
        learned, fresh = points[: 2 * n], np.tile(points[2 * n :], (FOLDS, 1))
        folds = np.concatenate([rng.permutation(2 * n) % FOLDS, np.repeat(np.arange(FOLDS), 2 * FRESH)])
        found = _separate(learned, fresh, folds, n, Resampling(seed=run))
        of_folds = found.scores[2 * n :].reshape(FOLDS, 2, FRESH)
        truth = np.mean([_compute_area(new, old) for old, new in of_folds])
        rows.append((found.area.low <= truth <= found.area.high, found.area.low > THRESHOLD, found.p <= 0.05, truth))
    covered, differs, rejected, truth = np.mean(rows, axis=0)
    return f"| {design.name} | {n} | {truth:.2f} | {covered:.1%} | {differs:.1%} | {rejected:.1%} |"


def simulate_scores(design: Design, n: int, n_runs: int) -> str:
    """Simulate the scores on new texts: their bias, and coverage, against those of the test texts."""
    rng, rows = np.random.default_rng(1), []
    truth = design.draw(400_000, True, rng)[1].mean()
    for run in range(n_runs):
        (old, chance), (new, _) = (design.draw(n, is_new, rng) for is_new in (False, True))
        scores = (rng.random((n, 1)) < chance[:, None]).astype(float)
        folds, resampling = rng.permutation(2 * n) % FOLDS, Resampling(seed=run, resamples=500)
        points = np.concatenate([old, new])
        found = _separate(points, np.zeros((0, DIM)), folds, n, resampling, n_permuted=1)
        kernel = (points @ points[:n].T / DIM).astype(np.float32)
        texts = UnitsAndNew(n, np.arange(n), kernel, folds, found.scores)
        estimate = estimate_new_scores(["a"], scores, texts, np.arange(n), "accuracy", "a", resampling)
        for each in estimate.scores:
            tested, weighted = each.tested, each.weighted
            rows.append(
                (
                    weighted.value - truth,
                    weighted.low <= truth <= weighted.high,
                    tested.value - truth,
                    tested.low <= truth <= tested.high,
                    estimate.n_effective,
                )
            )
    if not rows:
        return f"| {design.name} | {n} | 0 % | – | – | – | – | – |"
    bias, covered, plain, plain_covered, effective = np.mean(rows, axis=0)
    given = f"{len(rows) / n_runs:.0%}"
    start = f"| {design.name} | {n} | {given} | {effective:.0f}"
    return f"{start} | {plain:+.3f} | {bias:+.3f} | {plain_covered:.1%} | {covered:.1%} |"


def _separate(
    learned: np.ndarray, fresh: np.ndarray, folds: np.ndarray, n: int, resampling: Resampling, n_permuted: int = 99
) -> Separation:
    everything = np.concatenate([learned, fresh])
    kernel = (everything @ learned.T / DIM).astype(np.float32)
    return separate_samples(kernel, np.repeat([False, True], n), folds, np.arange(2 * n), resampling, n_permuted)


def _compute_area(new: np.ndarray, old: np.ndarray) -> float:
    order = np.sort(old)
    return float((np.searchsorted(order, new) + np.searchsorted(order, new, "right")).mean() / (2 * len(old)))


def main() -> None:
    """Print both tables."""
    n_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print("| texts | of each | true AUROC | covered | differs | p ≤ 0.05 |\n|---|---:|---:|---:|---:|---:|")
    for design in DESIGNS:
        for n in AREA_SIZES:
            print(simulate_areas(design, n, n_runs), flush=True)
    print("\n| new texts | of each | given | effective | off, test | off, estimate | covered, test | covered, estimate |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for design in DESIGNS:
        for n in SCORE_SIZES:
            print(simulate_scores(design, n, n_runs if n == SCORE_SIZES[0] else 2 * n_runs // 5), flush=True)


if __name__ == "__main__":
    main()
