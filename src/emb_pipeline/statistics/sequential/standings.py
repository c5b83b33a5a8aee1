"""Standings of embeddings after a part of the test units: which can no longer be chosen once all units are scored."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from emb_pipeline.statistics.sequential.betting import find_lower_bound


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
        Probability of ever dropping one that is not worse than the best of all by what is allowed.
    lowest, highest : float
        Range of a unit's score.
    """

    n_total: int
    n_embeddings: int
    margin: float
    level: float
    lowest: float = 0.0
    highest: float = 1.0


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
        By embedding, the scores of the same units in the order in which they were drawn, which must be a random one.
    rules : EarlyRules
        Margin and level.
    rivals : collection of str, optional
        Those that others may be dropped against; by default all. One that may not be chosen is none.

    Returns
    -------
    dict of str to EarlyStanding

    Notes
    -----
    Bounds are those of `find_lower_bound`, of paired differences, and hold for all pairs together: the level is divided by
    their number. So the best so far may be found from the same units. The standard error is estimated from the units so
    far; that one threshold is not exact.
    """
    names = list(scores)
    means = {name: float(np.mean(scores[name])) for name in names}
    able = [name for name in names if rivals is None or name in rivals]
    best = max(able, key=means.__getitem__, default=None)
    n_pairs = max(rules.n_embeddings * (rules.n_embeddings - 1), 1)
    found = {}
    for name in names:
        rival = name if best is None else best
        behind, allowed = 0.0, rules.margin
        if rival != name:
            differences = np.asarray(scores[rival], dtype=np.float64) - scores[name]
            behind = _bound(differences, rules, rules.level / n_pairs)
            allowed = max(rules.margin - _shortest_width(differences, rules), 0.0)
        low, high = _find_interval(np.asarray(scores[name], dtype=np.float64), rules)
        is_dropped = rival != name and behind > allowed
        found[name] = EarlyStanding(means[name], low, high, rival, behind, allowed, is_dropped)
    return found


def _bound(differences: np.ndarray, rules: EarlyRules, level: float) -> float:
    width = rules.highest - rules.lowest
    return find_lower_bound(differences, n_total=rules.n_total, lowest=-width, highest=width, level=level)


def _shortest_width(differences: np.ndarray, rules: EarlyRules) -> float:
    """Estimate how far below the margin a difference of all units has to be to be shown, at least."""
    deviation = float(np.std(differences, ddof=1)) if len(differences) > 1 else 0.0
    return float(norm.isf(rules.level)) * deviation / math.sqrt(rules.n_total)


def _find_interval(values: np.ndarray, rules: EarlyRules) -> tuple[float, float]:
    level, n = rules.level / (2 * max(rules.n_embeddings, 1)), rules.n_total
    low = find_lower_bound(values, n_total=n, lowest=rules.lowest, highest=rules.highest, level=level)
    return low, -find_lower_bound(-values, n_total=n, lowest=-rules.highest, highest=-rules.lowest, level=level)
