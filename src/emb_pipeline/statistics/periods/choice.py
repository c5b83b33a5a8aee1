"""Does last period's choice still hold: what was chosen on all periods but the last, tested on the last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emb_pipeline.statistics.decision.dunnett import standardize
from emb_pipeline.statistics.decision.non_inferiority import check_non_inferiority, estimate_units_needed
from emb_pipeline.statistics.decision.scored import Scored
from emb_pipeline.statistics.decision.winner import estimate_likely_means
from emb_pipeline.statistics.intervals.bootstrap import Interval

HOLDS, NO_LONGER, UNDECIDED, ONLY = "holds", "no longer", "undecided", "only one"
"""Verdicts on a choice."""
BEST, RULE = "measured best", "decision rule"
"""What chooses: the highest score, or the rule that takes the cheapest which is good enough."""


@dataclass(frozen=True)
class Held:
    """A choice held against the last period.

    Attributes
    ----------
    verdict : str
        One of `HOLDS`, `NO_LONGER`, `UNDECIDED`, `ONLY`.
    best : str, optional
        The best other embedding on the last period; None where there is no other.
    difference : Interval
        Of its mean and the chosen one's: above 0, it is better. The interval holds for all others at once.
    p : float
        Of that difference, two-sided, adjusted for all others.
    p_not_inferior : float
        That the chosen one is not worse than any other by the margin or more.
    units_needed : float
        Units of the last period that would show it to be not inferior in 80 % of cases; infinite where none would.
    """

    verdict: str
    best: str | None
    difference: Interval
    p: float
    p_not_inferior: float
    units_needed: float


def hold_choice(last: Scored, chosen: str, *, allowed: float = 0.0, level: float = 0.05) -> Held:
    """Hold a choice, made on other units, against the scores on the last period.

    It still **holds** if it is shown to be not worse than any other by the margin or more (`check_non_inferiority`). It
    holds **no longer** if another is significantly better, by more than ``allowed``: all others are compared with it at once
    (Dunnett [1]_, two-sided, by bootstrap), for the best of them is looked for on the same units. Else it is **undecided**.
    Where no other is better by more than allowed, the probability of "no longer" is at most the level.

    Parameters
    ----------
    last : Scored
        All candidates on the last period.
    chosen : str
        The choice; it must not depend on these units.
    allowed : float
        How much better another may be without the choice being wrong: 0 for what was measured best; the margin for what a
        rule took as good enough.
    level : float
        Of the tests.

    References
    ----------
    .. [1] Dunnett (1955), A multiple comparison procedure for comparing several treatments with a control, JASA 50(272).
    """
    place = last.embeddings.index(chosen)
    others = np.arange(len(last.embeddings)) != place
    if not others.any():
        return Held(ONLY, None, Interval(np.nan, np.nan, np.nan), np.nan, np.nan, np.nan)
    leads = last.values - last.values[place]
    deviations = last.deviations
    standardized, statistics = standardize(deviations, deviations[:, place], leads)
    largest = np.sort(np.abs(standardized[:, others]).max(axis=1))
    best = int(np.where(others, last.values, -np.inf).argmax())
    width = float(np.quantile(largest, 1 - level) * (deviations[:, best] - deviations[:, place]).std())
    reached = len(largest) - int(np.searchsorted(largest, abs(statistics[best])))
    low, high = max(leads[best] - width, -last.largest), min(leads[best] + width, last.largest)
    p_not_inferior = float(check_non_inferiority(last, level)[0][place])
    needed = estimate_units_needed(last, estimate_likely_means(last, level), level)[place]
    verdict = HOLDS if p_not_inferior <= level else NO_LONGER if low > allowed else UNDECIDED
    difference = Interval(float(leads[best]), float(low), float(high))
    p = (1 + reached) / (1 + len(largest))
    return Held(verdict, last.embeddings[best], difference, p, p_not_inferior, float(needed))
