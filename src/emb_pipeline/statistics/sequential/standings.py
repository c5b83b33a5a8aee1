"""Standings of embeddings after a part of the test units: which can no longer be chosen once all units are scored."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from emb_pipeline.statistics.sequential.betting import check_values, find_bound, find_lower_bound, is_ruled_out


@dataclass(frozen=True)
class EarlyRules:
    """Rules that embeddings are held to before all units are scored.

    Attributes
    ----------
    n_total : int
        Test units in all.
    n_embeddings : int
        Embeddings that were compared at the start, those that have been dropped since among them.
    margin : float
        How much worse than the best is still good enough, in the metric's own scale.
    level : float
        Probability of ever dropping the one that all units would choose, or the best.
    lowest, highest : float
        Range of a unit's score.
    """

    n_total: int
    n_embeddings: int
    margin: float
    level: float
    lowest: float = 0.0
    highest: float = 1.0

    @property
    def level_of_pair(self) -> float:
        """Level of one comparison: of two embeddings that must stay, with each other one."""
        return self.level / (2 * max(self.n_embeddings - 1, 1))


@dataclass(frozen=True)
class EarlyStanding:
    """Standing of an embedding so far.

    Attributes
    ----------
    value, low, high : float
        Mean of the units that are scored, and an interval of the mean of all units that holds at every moment.
    best : str
        The one that it is held against: the best so far of those that may be chosen; itself where there is no other.
    behind : float
        How much worse than that one it is at least, once all units are scored; negative where it may be better.
    allowed : float
        What ``behind`` has to exceed: at that distance it would be neither the best nor shown to be not inferior.
    is_dropped : bool
        Whether it is out.
    """

    value: float
    low: float
    high: float
    best: str
    behind: float
    allowed: float
    is_dropped: bool


def find_standings(
    scores: Mapping[str, np.ndarray], rules: EarlyRules, rivals: Collection[str] | None = None
) -> dict[str, EarlyStanding]:
    """Find which embeddings can no longer be chosen.

    The decision takes the best, or the cheapest that is shown to be not inferior. An embedding that is worse than another by
    more than the margin is neither. With few units in all, even a smaller distance is too large for that: the standard
    error of the difference will be at least so much, and what is above the margin less that cannot be shown.

    Parameters
    ----------
    scores : mapping of str to ndarray of shape (n,)
        By embedding, the scores of the same units in the order in which they were drawn, which must be a random one. Each
        unit is drawn by itself, those of a group, too.
    rules : EarlyRules
        Margin and level.
    rivals : collection of str, optional
        Those that others may be dropped against; by default all. One that may not be chosen is none.

    Returns
    -------
    dict of str to EarlyStanding

    Notes
    -----
    Two embeddings must not be dropped for the decision to be that of all units: the one that is chosen then, and the best
    then. Which these are is not known, but it is fixed by the units, whatever their order. Each is dropped wrongly only if a
    bound is wrong in one of its comparisons with the others. So the level is divided by two times the others, not by all
    pairs, though the best so far is found from the same units.

    Bounds are those of `find_lower_bound`, of paired differences. They are of the mean of these very units, so it does not
    matter how units depend on each other. The standard error is estimated from the units so far, as if they did not, which
    rather keeps an embedding; that one threshold is not exact.
    """
    names = list(scores)
    means = {name: float(np.mean(scores[name])) for name in names}
    able = [name for name in names if rivals is None or name in rivals]
    best = max(able, key=means.__getitem__, default=None)
    found = {}
    for name in names:
        rival = name if best is None else best
        behind, allowed, is_dropped = 0.0, rules.margin, False
        if rival != name:
            differences = np.asarray(scores[rival], dtype=np.float64) - scores[name]
            allowed = find_allowed(float(estimate_error(differences, rules.n_total)), rules.margin, rules.level)
            behind, is_dropped = bound_lead(differences, rules, rules.level_of_pair, allowed)
        low, high = _find_interval(np.asarray(scores[name], dtype=np.float64), rules)
        found[name] = EarlyStanding(means[name], low, high, rival, behind, allowed, is_dropped)
    return found


def bound_lead(differences: np.ndarray, rules: EarlyRules, level: float, allowed: float = math.inf) -> tuple[float, bool]:
    """Find how high a difference of all units is at least, and whether it is shown to exceed what is allowed."""
    width = rules.highest - rules.lowest
    values = check_values(differences, rules.n_total, -width, width)
    if len(values) == rules.n_total:
        lead = float(values.mean())
        return lead, lead > allowed
    if not math.isfinite(width):
        return -math.inf, False
    needed, mean = -math.log(level), float(values.mean())
    is_above = mean > allowed and is_ruled_out(values, allowed, rules.n_total, -width, width, needed)
    low, high = (allowed, mean) if is_above else (-width, min(allowed, mean))
    return float(find_bound(values, rules.n_total, -width, width, needed, low, high)), bool(is_above)


def estimate_error(differences: np.ndarray, n_total: int) -> float:
    """Estimate the standard error that the mean of all units will have."""
    return float(np.std(differences, ddof=1)) / math.sqrt(n_total) if len(differences) > 1 else 0.0


def find_allowed(error: float, margin: float, level: float) -> float:
    """Find the distance to another at which an embedding would at best be shown to be not inferior; none is below 0."""
    return max(margin - float(norm.isf(level)) * error, 0.0)


def _find_interval(values: np.ndarray, rules: EarlyRules) -> tuple[float, float]:
    if not math.isfinite(rules.highest - rules.lowest):
        return rules.lowest, rules.highest
    level = rules.level / (2 * max(rules.n_embeddings, 1))
    low = find_lower_bound(values, n_total=rules.n_total, lowest=rules.lowest, highest=rules.highest, level=level)
    return low, -find_lower_bound(-values, n_total=rules.n_total, lowest=-rules.highest, highest=-rules.lowest, level=level)
