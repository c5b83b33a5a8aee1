"""How often a decision is wrong, and how far off the value is that it quotes.

    python benchmarks/decisions.py decide [data sets of each case, 400 by default]
    python benchmarks/decisions.py winner [data sets of each case, 300 by default]
    python benchmarks/decisions.py labels [data sets of each case, 400 by default]

``decide``: embeddings of which one is truly best and all others are worse by the margin or more, with 0/1 scores on items of
unequal difficulty. Counted: "X is shown to be not inferior", of an inferior X; "X is measured best, not shown", of
an inferior X, which claims nothing; and, where a control is as good as all of them, "better than the control".

``winner``: what is chosen among equal embeddings of accuracy .7, or among such where one leads; the bias of its measured and
of its corrected value, in points, and how often their intervals hold the true value. Chosen is the one measured best, and
what `decide` chooses with costs in a random order.

``labels``: probes that learn from few labels, of which each draw moves the scores; as ``decide``, with the luck of the draws
left out and counted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import norm

from emb_pipeline.statistics.decision.decide import Rules, decide
from emb_pipeline.statistics.decision.scored import Criterion, Scored
from emb_pipeline.statistics.decision.standings import MEASURED_BEST, NOT_ABOVE_FLOOR, ONLY, SHOWN
from emb_pipeline.statistics.learning_curves.label_luck import estimate_label_variance
from emb_pipeline.statistics.system_scores import SystemScores

ACCURACY, SHARED = 0.7, 0.6
"""Of all embeddings but the best; and how much of an item's difficulty is the same for all of them."""
MARGIN, RESAMPLES = 0.01, 500
DECISIONS = (
    (2, 300, 0.01),
    (2, 300, 0.02),
    (10, 300, 0.02),
    (10, 300, 0.03),
    (10, 1000, 0.02),
    (30, 300, 0.03),
    (30, 5000, 0.015),
)
"""Embeddings, units, and how much worse all but one are."""
WINNERS = tuple((k, n, lead) for k in (35, 5) for n in (100, 300, 1000, 5000) for lead in (0.0, 0.01, 0.03, 0.05))
RULES = Rules(cheapest_by=("bytes_per_item",))


def right_or_wrong(accuracies: np.ndarray, n_units: int, rng: np.random.Generator) -> np.ndarray:
    """0/1 scores of shape (n_units, n_embeddings) with a difficulty of the items that all embeddings share."""
    shape = (n_units, len(accuracies))
    latent = np.sqrt(SHARED) * rng.standard_normal((n_units, 1)) + np.sqrt(1 - SHARED) * rng.standard_normal(shape)
    return np.asarray(latent < norm.ppf(accuracies), dtype=np.float64)


def names_of(k: int) -> list[str]:
    """Names of embeddings."""
    return [f"e{number:02d}" for number in range(k)]


def costs_of(k: int, rng: np.random.Generator) -> pd.DataFrame:
    """Costs in a random order: what is cheap is not what is good."""
    return pd.DataFrame({"bytes_per_item": 1.2 ** rng.permutation(k)}, index=names_of(k))


def wrong_decisions(k: int, n_units: int, gap: float, n_sets: int, rng: np.random.Generator) -> dict[str, float]:
    """Shares of data sets in which the decision says something wrong.

    Returns
    -------
    dict of str to float
        ``shown``: chosen as not inferior though it is; ``any shown``: any inferior one passed; ``best measured``: an
        inferior one is chosen with the words that it is not shown; ``right``: the best is chosen, in whatever words;
        ``above``: any candidate is called better than a control that is as good as all of them, in data sets without a
        best one.
    """
    counts = dict.fromkeys(("shown", "any shown", "best measured", "right", "above"), 0)
    truly = np.full(k, ACCURACY)
    truly[0] += gap
    for _ in range(n_sets):
        scores = right_or_wrong(truly, n_units, rng)
        scored = Scored.of_units(
            Criterion("t", "accuracy", MARGIN), SystemScores(scores, names_of(k)), n_resamples=RESAMPLES, rng=rng
        )
        table, _ = decide(scored, costs_of(k, rng), RULES)
        (chosen,) = table[table["chosen"]].to_dict("records")
        inferior = chosen["embedding"] != "e00"
        counts["shown"] += inferior and chosen["standing"] in (SHOWN, ONLY)
        counts["any shown"] += bool((table["non_inferior"] & (table["embedding"] != "e00")).any())
        counts["best measured"] += inferior and chosen["standing"] == MEASURED_BEST
        counts["right"] += not inferior
        flat = right_or_wrong(np.full(k + 1, ACCURACY), n_units, rng)
        floors = {"control": flat[:, k]}
        part = Scored.of_units(
            Criterion("t", "accuracy", MARGIN),
            SystemScores(flat[:, :k], names_of(k)),
            floors,
            n_resamples=RESAMPLES,
            rng=rng,
        )
        counts["above"] += bool((decide(part, costs_of(k, rng), RULES)[0]["standing"] != NOT_ABOVE_FLOOR).any())
    return {name: count / n_sets for name, count in counts.items()}


def flattered(k: int, n_units: int, lead: float, n_sets: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Errors of what is quoted: of the measured best, and of the chosen one.

    Yields
    ------
    (str, ndarray of shape (n_sets, 5))
        Error of the measured value, whether the plain interval holds the truth, error of the corrected value, whether its
        interval holds the truth, and that interval's width.
    """
    truly = np.full(k, ACCURACY)
    truly[rng.integers(k)] += lead
    rows: dict[str, list[tuple[float, ...]]] = {"best": [], "chosen": []}
    for _ in range(n_sets):
        scores = right_or_wrong(truly, n_units, rng)
        scored = Scored.of_units(
            Criterion("t", "accuracy", MARGIN), SystemScores(scores, names_of(k)), n_resamples=RESAMPLES, rng=rng
        )
        table, _ = decide(scored, costs_of(k, rng), RULES)
        for which, row in (("best", table.iloc[0]), ("chosen", table[table["chosen"]].iloc[0])):
            column = names_of(k).index(str(row["embedding"]))
            low, high = np.quantile(scored.resampled[:, column], [0.025, 0.975])
            truth = truly[column]
            rows[which].append(
                (
                    row["value"] - truth,
                    low <= truth <= high,
                    row["corrected"] - truth,
                    row["corrected_low"] <= truth <= row["corrected_high"],
                    row["corrected_high"] - row["corrected_low"],
                )
            )
    for which, found in rows.items():
        yield which, np.array(found, dtype=np.float64)


def let_through(n_labels: int, n_draws: int, draw_sd: float, n_sets: int, rng: np.random.Generator) -> tuple[float, float]:
    """Shares of data sets in which one that is worse by the margin is let through: luck of the labels left out, and counted.

    Five embeddings learn from draws of ``n_labels`` out of 1,000; a draw moves each by ``draw_sd``, and draws share labels.
    """
    k, n_units, n_all = 5, 1000, 1000
    share = n_labels / n_all
    truly = np.full(k, ACCURACY)
    truly[1:] -= MARGIN
    through = np.zeros(2)
    for _ in range(n_sets):
        shared = np.sqrt(share) * rng.standard_normal(k)
        shifts = draw_sd * (shared + np.sqrt(1 - share) * rng.standard_normal((n_draws, k)))
        scores = np.mean([right_or_wrong(truly + shift, n_units, rng) for shift in shifts], axis=0)
        part = Scored.of_units(
            Criterion("t", "accuracy", MARGIN), SystemScores(scores, names_of(k)), n_resamples=RESAMPLES, rng=rng
        )
        draws = pd.DataFrame(
            [
                {
                    "family": name,
                    "n_labels": n_labels,
                    "label_fraction": share,
                    "class_share": share,
                    "folds": 1,
                    "draw": draw,
                    "value": truly[j] + shift[j],
                }
                for draw, shift in enumerate(shifts)
                for j, name in enumerate(names_of(k))
            ]
        )
        luck = estimate_label_variance(draws, part.embeddings, share).draw_deviations(RESAMPLES, rng)
        for place, each in enumerate((part, replace(part, resampled=part.resampled + luck))):
            table, _ = decide(each, costs_of(k, rng), RULES)
            through[place] += bool((table["non_inferior"] & (table["embedding"] != "e00")).any())
    return float(through[0] / n_sets), float(through[1] / n_sets)


def main(arguments: list[str]) -> None:
    """Print a line for each case."""
    what, n_sets = arguments[0], int(arguments[1]) if len(arguments) > 1 else 0
    rng = np.random.default_rng(20)
    if what == "decide":
        for case in DECISIONS:
            found = wrong_decisions(*case, n_sets or 400, rng)
            print(*case, " ".join(f"{name} {100 * share:.1f} %" for name, share in found.items()), flush=True)
    elif what == "winner":
        for case in WINNERS:
            for which, rows in flattered(*case, n_sets or 300, rng):
                bias, plain, corrected, held, width = 100 * rows.mean(axis=0)
                print(
                    *case,
                    f"{which}: {bias:+.2f} points, held in {plain:.0f} %; corrected {corrected:+.2f}, held in {held:.1f} %, "
                    f"{width:.1f} points wide",
                    flush=True,
                )
    elif what == "labels":
        for n_labels, n_draws, draw_sd in ((100, 3, 0.01), (100, 3, 0.03), (300, 3, 0.02), (300, 10, 0.02)):
            without, counted = let_through(n_labels, n_draws, draw_sd, n_sets or 400, rng)
            print(
                f"{n_labels} labels, {n_draws} draws, s.d. {draw_sd}: {100 * without:.1f} % without, {100 * counted:.1f} %"
            )
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
