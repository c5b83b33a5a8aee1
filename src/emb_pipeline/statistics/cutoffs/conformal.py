"""The cut-off of a best score that keeps a promise: of new unanswerable requests at most so many get an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta


@dataclass(frozen=True)
class Threshold:
    """A score above which a request is answered.

    Attributes
    ----------
    value : float
        A request whose best score is above it is answered; at it, or below, refused.
    n : int
        Unanswerable requests, or groups of them, that it was chosen on.
    expected : float
        Share of new unanswerable requests that get an answer, on average over such choices; at most the level.
    bound : float
        Share that is exceeded in one of twenty such choices alone.
    """

    value: float
    n: int
    expected: float
    bound: float


def count_needed(level: float) -> int:
    """Count the unanswerable requests without which no cut-off can keep a level: 19 at 5 %."""
    return math.ceil(round(1 / level, 9)) - 1


def choose_threshold(
    scores: np.ndarray, groups: np.ndarray, level: float, *, seed: int = 0, confidence: float = 0.95
) -> Threshold | None:
    """Choose the lowest cut-off that lets at most a share ``level`` of new unanswerable requests through.

    Split conformal prediction: a new unanswerable request is as likely to have any rank among the n that are known, so that
    its score is above the k-th smallest of them with a probability of at most ``1 - k / (n + 1)`` [1]_. That holds for any
    embedding and any distribution, at any n, as long as the new request is one like those: of the same source. Given one
    choice, the share that gets an answer varies around it: it has a Beta distribution [2]_.

    Parameters
    ----------
    scores : ndarray of shape (n_requests,)
        Best scores of unanswerable requests; ``-inf`` where nothing was found.
    groups : ndarray of shape (n_requests,), str
        Requests of one group are alike: one of each is drawn, and the promise holds for a request of a new group.
    level : float
        Share of new unanswerable requests that may get an answer.
    seed : int
        Of the draw.
    confidence : float
        Of ``bound``.

    Returns
    -------
    Threshold or None
        None where fewer are known than `count_needed` says: no cut-off keeps the level.

    References
    ----------
    .. [1] Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World; Papadopoulos et al. (2002), Inductive
       confidence machines for regression.
    .. [2] Vovk (2012), Conditional validity of inductive conformal predictors; Angelopoulos & Bates (2023), Conformal
       prediction: a gentle introduction, sec. 3.2.
    """
    drawn = np.sort(np.asarray(scores, dtype=np.float64)[_draw_one_of_each(groups, seed)])
    n = len(drawn)
    k = math.ceil(round((n + 1) * (1 - level), 9))
    if not 1 <= k <= n:
        return None
    # Where nothing is found for so many of them, whatever is found is enough; the number is one that JSON has.
    value = max(float(drawn[k - 1]), float(np.finfo(np.float64).min))
    return Threshold(value, n, (n + 1 - k) / (n + 1), float(beta.ppf(confidence, n + 1 - k, k)))


def _draw_one_of_each(groups: np.ndarray, seed: int) -> np.ndarray:
    order = np.random.default_rng(seed).permutation(len(groups))
    return np.asarray(order[np.unique(np.asarray(groups)[order], return_index=True)[1]])
