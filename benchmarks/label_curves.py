"""How often the intervals of learning curves hold the truth, and how often equal curves are said to differ.

    python benchmarks/label_curves.py [data sets of each kind, 100 by default] [points doubling crossovers]

Simulated: 6,000 labels, each with a part of its own in the luck of all probes that learn from it; nested draws of 30 to
3,000 of them; 500 test units of unequal difficulty (2,000 for ``doubling``). The standard deviation over draws at 100 labels
is 2 or 5 points and falls as one over the root of the number. True curves are power laws, or others that none fits.

* points: coverage of the 95 % intervals at few labels and at all of them, with 3 and 10 draws;
* doubling: what twice as many labels would bring: coverage of its interval where one is given, and how often none is;
* crossovers: two and six equal embeddings; how often any verdict is given (5 % is meant).
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import norm

from emb_pipeline.statistics.learning_curves.label_curves import build_learning_curves, gather_curve_scores
from emb_pipeline.statistics.resampling import Resampling

N_LABELS = 6000
COUNTS = np.array([30, 100, 300, 1000, 3000, N_LABELS])
RESAMPLING = Resampling(resamples=500)
POWER_LAWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "power law, exponent .5": lambda n: 0.85 - 1.8 * n**-0.5,
    "power law, exponent .3": lambda n: 0.80 - 1.5 * n**-0.3,
    "power law, exponent .2": lambda n: 0.95 - 1.2 * n**-0.2,
}
OTHERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "logistic in log n": lambda n: 0.15 + 0.7 / (1 + (n / 900) ** -1.1),
    "late rise": lambda n: 0.1 + 0.85 / (1 + (n / 2500) ** -0.9),
    "as TF-IDF": lambda n: 1 / (1 + (n / 1350) ** -0.569),
    "normal in log n": lambda n: 0.05 + 0.9 * norm.cdf(np.log(n / 1500) / 1.8),
    "linear in log n": lambda n: 0.1 + 0.07 * np.log(n),
    "exponential": lambda n: 0.8 - 0.5 * np.exp(-((n / 2000) ** 0.6)),
    "steeper from 800 on": lambda n: 0.3 + 0.03 * np.log(n / 30) + 0.09 * np.maximum(0, np.log(n / 800)),
    "flat from 1,600 on": lambda n: np.minimum(0.4 + 0.08 * np.log(n / 30), 0.72),
    "a second rise": lambda n: 0.5 - 0.9 * n**-0.6 + 0.3 / (1 + (n / 3000) ** -2.5),
}


def simulated(
    curve: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    *,
    n_units: int = 500,
    n_draws: int = 10,
    draw_sd: float = 0.02,
    n_embeddings: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Item scores and label draws of embeddings that have the same true curve."""
    values = curve(COUNTS.astype(np.float64))
    of_labels = np.sqrt(0.5) * (rng.standard_normal((N_LABELS, 1)) + rng.standard_normal((N_LABELS, n_embeddings)))
    orders = [rng.permutation(N_LABELS) for _ in range(n_draws)]
    ease = rng.standard_normal((n_units, 1))
    own = rng.standard_normal((n_units, n_embeddings))
    names = [f"domain.m{number}_8" for number in range(n_embeddings)]
    units = [f"u{unit:05}" for unit in range(n_units)]
    scores, draws = [], []
    for count, value in zip(COUNTS, values, strict=True):
        right = []
        for order in orders if count < N_LABELS else orders[:1]:
            luck = draw_sd * np.sqrt(100 / count) * of_labels[order[:count]].sum(axis=0) / np.sqrt(count)
            latent = 0.7 * ease + 0.5 * own + np.sqrt(0.26) * rng.standard_normal(own.shape)
            right.append(latent < norm.ppf(np.clip(value + luck, 0.001, 0.999)))
        means = np.mean(right, axis=0)
        fraction = count / N_LABELS
        scores += [
            pd.DataFrame(
                {"label_fraction": fraction, "unit_id": units, "value": means[:, number], "embedding": name, "family": name}
            )
            for number, name in enumerate(names)
        ]
        if count < N_LABELS:
            draws += [
                {
                    "embedding": name,
                    "family": name,
                    "n_labels": count,
                    "label_fraction": fraction,
                    "class_share": fraction,
                    "folds": 1,
                    "draw": draw,
                    "value": each[:, number].mean(),
                }
                for draw, each in enumerate(right)
                for number, name in enumerate(names)
            ]
    table = pd.concat(scores, ignore_index=True)
    cell = {"origin": "domain", "method": "m", "dim": 8, "tuned": False, "seed": 0, "task": "topic", "metric": "accuracy"}
    return table.assign(group_id=table["unit_id"], **cell), pd.DataFrame(draws).assign(task="topic")


def points(n: int) -> None:
    """Coverage of the intervals of points."""
    print(f"coverage of points at {', '.join(map(str, COUNTS))} labels ({n} data sets)")
    curve = POWER_LAWS["power law, exponent .3"]
    for draw_sd in (0.02, 0.05):
        for n_draws in (3, 10):
            rng, held = np.random.default_rng(1), []
            for _ in range(n):
                data = simulated(curve, rng, n_draws=n_draws, draw_sd=draw_sd)
                found = build_learning_curves(gather_curve_scores(*data, {"topic": "accuracy"}), RESAMPLING)[0]
                truth = curve(found["n_labels"].to_numpy(dtype=np.float64))
                held.append((found["ci_low"] <= truth) & (truth <= found["ci_high"]))
            shares = np.mean(held, axis=0)
            print(f"  draw s.d. {100 * draw_sd:.0f} points, {n_draws:2} draws: {' '.join(f'{each:.3f}' for each in shares)}")


def doubling(n: int) -> None:
    """Coverage of the gain from twice as many labels."""
    print(f"twice as many labels: coverage where it is said, share of silence, mean width in points ({n} data sets)")
    for name, curve in {**POWER_LAWS, **OTHERS}.items():
        for draw_sd in (0.02, 0.05):
            rng, held, width = np.random.default_rng(2), [], []
            truth = float(curve(np.array([2.0 * N_LABELS]))[0] - curve(np.array([1.0 * N_LABELS]))[0])
            for _ in range(n):
                data = simulated(curve, rng, n_units=2000, draw_sd=draw_sd)
                row = build_learning_curves(gather_curve_scores(*data, {"topic": "accuracy"}), RESAMPLING)[0].iloc[-1]
                if np.isfinite(row["doubling"]):
                    held.append(row["doubling_low"] <= truth <= row["doubling_high"])
                    width.append(row["doubling_high"] - row["doubling_low"])
            print(
                f"  {name:24} s.d. {100 * draw_sd:.0f}: truth {100 * truth:5.2f}, coverage {np.mean(held or [np.nan]):.3f}, "
                f"silent {1 - len(held) / n:.2f}, width {100 * np.mean(width or [np.nan]):.2f}"
            )


def crossovers(n: int) -> None:
    """How often equal curves are said to differ."""
    print(f"share of data sets of equal curves in which some verdict is given ({n} data sets)")
    curve = POWER_LAWS["power law, exponent .3"]
    for n_embeddings in (2, 6):
        for n_draws in (3, 10):
            rng, told = np.random.default_rng(3), 0
            for _ in range(n):
                data = simulated(curve, rng, n_draws=n_draws, draw_sd=0.05, n_embeddings=n_embeddings)
                found = build_learning_curves(gather_curve_scores(*data, {"topic": "accuracy"}), RESAMPLING)[1]
                told += bool((found["verdict"] != "cannot be told").any())
            print(f"  {n_embeddings} embeddings, {n_draws:2} draws: {told / n:.3f}")


def main(n: int, kinds: list[str]) -> None:
    """Print a table of each kind."""
    for kind in (points, doubling, crossovers):
        if not kinds or kind.__name__ in kinds:
            kind(n)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, sys.argv[2:])
