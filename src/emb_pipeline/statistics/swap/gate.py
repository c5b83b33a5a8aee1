"""Is a candidate worse than what is deployed? A paired test of non-inferiority with three answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import ndtri

from emb_pipeline.statistics.comparisons.power import POWER
from emb_pipeline.statistics.intervals.metric_ranges import find_largest_difference
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.swap.common_units import CommonUnits, resample_difference

Outcome: TypeAlias = Literal["not inferior", "inferior", "undecided"]
FEWEST_GROUPS = 2
"""Groups that are resampled below which nothing can be said."""
_NO_SPREAD = 1e-12


@dataclass(frozen=True)
class GateRules:
    """The rules that the gate holds a candidate to.

    Attributes
    ----------
    margin : float
        How much worse than what is deployed a candidate may be, in the metric's own scale.
    level : float
        Probability with which a candidate that is worse by the margin is let through.
    refusal_level : float
        Probability with which a candidate that is worse by no more than the margin is refused.
    """

    margin: float
    level: float
    refusal_level: float


@dataclass(frozen=True)
class Verdict:
    """The answer of the gate for one task.

    Attributes
    ----------
    outcome : {"not inferior", "inferior", "undecided"}
        Not inferior: the difference is shown to be above ``-margin``. Inferior: shown to be below it. Undecided: neither,
        the units are too few to say.
    difference, low, high : float
        Candidate minus deployed, and one-sided bounds: the candidate is not inferior exactly where the lower one, of
        ``1 - level``, is above ``-margin``, and inferior where the upper one, of ``1 - refusal_level``, is below it.
    p_not_inferior, p_inferior : float
        One-sided p of the two tests; NaN without units.
    n_units, n_groups : int
        Units that both were scored on, and groups of them.
    needed : float
        Units that would show a candidate that is truly as good as what is deployed to be not inferior, in 80 % of cases; NaN
        where nothing is known of the spread.
    rules : GateRules
        What it was held to.
    """

    outcome: Outcome
    difference: float
    low: float
    high: float
    p_not_inferior: float
    p_inferior: float
    n_units: int
    n_groups: int
    needed: float
    rules: GateRules


def judge_candidate(found: CommonUnits, metric: str, rules: GateRules, resampling: Resampling) -> Verdict:
    """Judge a candidate by the units that it and the deployed embedding were both scored on.

    Two one-sided tests by the paired bootstrap over groups of units: ``difference > -margin`` and ``difference < -margin``.
    At most one of them can hold. Deviations are widened as those of all other differences are (`bootstrap_means`), so that
    two embeddings that agree on every unit of a small test set are undecided.

    Parameters
    ----------
    found : CommonUnits
        The scores.
    metric : str
        The metric, of which the highest value is the best.
    rules : GateRules
        Margin and level.
    resampling : Resampling
        Number of resamples, and their seed.

    References
    ----------
    .. [1] Piaggio et al. (2012), Reporting of noninferiority and equivalence randomized trials, JAMA 308(24).
    """
    n_units, n_groups = len(found.units), found.n_groups
    if n_groups < FEWEST_GROUPS:
        difference = float(found.differences.mean()) if n_units else np.nan
        nothing = (difference, np.nan, np.nan, np.nan, np.nan)
        return Verdict("undecided", *nothing, n_units, n_groups, np.nan, rules)
    resampled = resample_difference(found, resampling)
    difference = float(found.differences.mean())
    deviations = np.sort(resampled - resampled.mean())
    above = _compute_p(deviations, difference + rules.margin)
    below = _compute_p(np.sort(-deviations), -(difference + rules.margin))
    low = difference - np.quantile(deviations, 1 - rules.level)
    high = difference - np.quantile(deviations, rules.refusal_level)
    largest = find_largest_difference(metric)
    outcome: Outcome = (
        "not inferior" if above <= rules.level else "inferior" if below <= rules.refusal_level else "undecided"
    )
    return Verdict(
        outcome,
        difference,
        float(max(low, -largest)),
        float(min(high, largest)),
        above,
        below,
        n_units,
        n_groups,
        estimate_units_needed(deviations.std(), n_units, rules),
        rules,
    )


def estimate_units_needed(standard_error: float, n_units: int, rules: GateRules, power: float = POWER) -> float:
    """Estimate how many units would show a candidate that is just as good to be not inferior, in this share of cases.

    ``n (z(1 - level) + z(power))² SE² / margin²`` [Julious 2004, Sample sizes for clinical trials with normal data,
    Statistics in Medicine 23(12), for a true difference of 0].
    """
    if standard_error <= _NO_SPREAD:
        return float(n_units)
    return float(np.ceil(n_units * ((ndtri(1 - rules.level) + ndtri(power)) * standard_error / rules.margin) ** 2))


def _compute_p(deviations: np.ndarray, lead: float) -> float:
    """One-sided p of a lead, from sorted deviations: (count + 1) / (n + 1)."""
    reached = len(deviations) - int(np.searchsorted(deviations, lead, side="left"))
    return (1 + reached) / (1 + len(deviations))
