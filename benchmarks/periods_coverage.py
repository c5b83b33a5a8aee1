"""Scores over time on planted truths: coverage of intervals by period, false alarms of "no longer holds", and its power.

    python benchmarks/periods_coverage.py 500

First: units that are right or wrong, in four or twelve periods whose true scores differ, alone or in groups of four that are
alike by .5. How often the interval of a single period holds the true score, and how often those for all periods at once hold
all of them.

Then: embeddings that agree on a unit by .6. What is measured best on three periods is tested on the fourth. Where nothing
changes, "no longer" is a false alarm, and so is a trend of the chosen one. Where the best two change places in the last
period, it is what should be found. In the third case the chosen one becomes worse than another by the margin of .02:
"holds" is then wrong.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.special import ndtri

from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.periods.choice import HOLDS, NO_LONGER, hold_choice
from emb_pipeline.statistics.periods.cut import Period, Periods
from emb_pipeline.statistics.periods.scores import score_periods
from emb_pipeline.statistics.periods.trend import estimate_trends
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores
from emb_pipeline.statistics.system_scores import SystemScores

MARGIN, ALIKE = 0.02, 0.6
CASES = (
    "equal, nothing changes",
    "apart by .02, nothing changes",
    "best two change places, .05",
    "worse by the margin",
)


def main(n_sets: int) -> None:
    """Print all tables."""
    names = ("periods", "units of each", "groups of", "true scores", "one period", "all at once")
    print("{:>8} {:>14} {:>10} {:>12} {:>11} {:>12}   %".format(*names))
    for n_periods, n, size, low, high in (
        (4, 24, 1, 0.6, 0.8),
        (4, 100, 1, 0.6, 0.8),
        (4, 100, 1, 0.93, 0.97),
        (4, 100, 4, 0.6, 0.8),
        (4, 400, 1, 0.6, 0.8),
        (12, 24, 1, 0.6, 0.8),
        (12, 100, 1, 0.6, 0.8),
        (12, 100, 4, 0.6, 0.8),
    ):
        found = np.array([_cover(seed, n_periods, n, size, low, high) for seed in range(n_sets)])
        one, together = 100 * found.mean(axis=0)
        print(f"{n_periods:8} {n:14} {size:10} {f'{low} to {high}':>12} {one:11.1f} {together:12.1f}", flush=True)
    print(f"\n{'what is true':34} {'embeddings':>10} {'last period':>12} {'no longer':>10} {'holds':>7} {'trend':>7}   %")
    for case in (
        "equal, nothing changes",
        "apart by .02, nothing changes",
        "best two change places, .05",
        "worse by the margin",
    ):
        for n_embeddings, n in ((2, 200), (8, 200), (40, 200), (8, 1000)):
            found = np.array([_choose(seed, case, n_embeddings, n) for seed in range(n_sets)])
            no_longer, holds, trend = 100 * found.mean(axis=0)
            print(f"{case:34} {n_embeddings:10} {n:12} {no_longer:10.1f} {holds:7.1f} {trend:7.1f}", flush=True)


def _cover(seed: int, n_periods: int, n: int, size: int, low: float, high: float) -> tuple[float, bool]:
    rng = np.random.default_rng(seed)
    truth = np.linspace(low, high, n_periods)
    codes = np.repeat(np.arange(n_periods), n)
    groups = np.arange(len(codes)) // size
    alike = np.repeat(rng.normal(size=len(codes) // size), size)
    latent = alike if size == 1 else np.sqrt(0.5) * alike + np.sqrt(0.5) * rng.normal(size=len(codes))
    values = (latent < ndtri(truth)[codes]).astype(float)
    moment = np.datetime64("2024-01-01", "us")
    periods = Periods([Period(str(number), moment, moment) for number in range(n_periods)], codes)
    cell = {"origin": "task", "method": "a", "dim": None, "tuned": False, "seed": 0, "family": "a"}
    found = TaskScores("t", ["a"], [cell], groups, {"accuracy": values[:, None]}, None, None, units=[str(u) for u in groups])
    table = score_periods(found, "classification", "accuracy", periods, Resampling(1000, seed=seed))
    held = [((table[f"{name}_low"] <= truth) & (truth <= table[f"{name}_high"])).to_numpy() for name in ("ci", "together")]
    return float(held[0].mean()), bool(held[1].all())


def _choose(seed: int, case: str, n_embeddings: int, n: int) -> tuple[bool, bool, bool]:
    rng = np.random.default_rng([seed, n_embeddings, n])
    truth = np.full((4, n_embeddings), 0.7)
    match case:
        case "apart by .02, nothing changes":
            truth[:, 0] += 0.02
        case "best two change places, .05":
            truth[:3, 0] += 0.05
            truth[3, 1] += 0.05
        case "worse by the margin":
            truth[:3, 0] += 0.1
            truth[3, 1:] += MARGIN
    codes = np.repeat(np.arange(4), n)
    latent = np.sqrt(ALIKE) * rng.normal(size=(4 * n, 1)) + np.sqrt(1 - ALIKE) * rng.normal(size=(4 * n, n_embeddings))
    scores = (latent < ndtri(truth)[codes]).astype(float)
    is_last, names = codes == 3, [str(number) for number in range(n_embeddings)]
    chosen = int(scores[~is_last].mean(axis=0).argmax())
    resampling = Resampling(1000, seed=seed)
    last = Scored.of_units(
        Criterion("t", "accuracy", MARGIN),
        SystemScores(scores[is_last], names),
        n_resamples=resampling.resamples,
        rng=resampling.create_rng(),
    )
    verdict = hold_choice(last, names[chosen]).verdict
    slopes = estimate_trends(scores, codes, np.arange(4 * n), resampling).slopes
    has_trend = bool(slopes.high[chosen] < 0 or slopes.low[chosen] > 0)
    return verdict == NO_LONGER, verdict == HOLDS, has_trend


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
