"""Area under the ROC curve between the best scores of answerable and of unanswerable requests, with its interval."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from emb_pipeline.statistics.intervals.bootstrap import (
    Interval,
    compute_effective_number,
    compute_percentile_interval,
    keep_in_range,
)
from emb_pipeline.statistics.resampling import Resampling, draw_multinomial_counts


def compute_roc_area(answerable: np.ndarray, unanswerable: np.ndarray) -> float:
    """Compute the probability that an answerable request has the higher best score; a tie counts one half.

    Parameters
    ----------
    answerable, unanswerable : ndarray of shape (n_answerable,) and (n_unanswerable,)
        Best scores; ``-inf`` where nothing was found.

    Returns
    -------
    float
        The statistic of Mann and Whitney, divided by the number of pairs.
    """
    scores = _Scores(answerable, unanswerable)
    return float(scores.weigh(np.ones((1, len(answerable))), np.ones((1, len(unanswerable))))[0])


def estimate_roc_area(
    answerable: np.ndarray,
    unanswerable: np.ndarray,
    answerable_groups: np.ndarray,
    unanswerable_groups: np.ndarray,
    resampling: Resampling,
) -> Interval:
    """Estimate the area and its interval by a bootstrap over groups.

    A group that has requests of both sorts (a query with its documents, and without them) is drawn with both.

    Parameters
    ----------
    answerable, unanswerable : ndarray of shape (n_answerable,) and (n_unanswerable,)
        Best scores.
    answerable_groups, unanswerable_groups : ndarray of shape (n_answerable,) and (n_unanswerable,), str
        Requests of one group are resampled together.
    resampling : Resampling
        Number of resamples, and their seed; the interval covers ``1 - level``.

    Returns
    -------
    Interval
        NaN at both ends where either sort has fewer than two groups.

    References
    ----------
    .. [1] Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
    .. [2] Obuchowski (1997), Nonparametric analysis of clustered ROC curve data, Biometrics 53(2): the groups.
    """
    value = compute_roc_area(answerable, unanswerable)
    sorts = one, other = np.unique(answerable_groups), np.unique(unanswerable_groups)
    if min(len(one), len(other)) < 2:
        return Interval(value, float("nan"), float("nan"))
    # Sorts that share no group are two samples, each of its own size; others are one.
    samples = [np.union1d(one, other)] if np.intersect1d(one, other).size else list(sorts)
    scores, rng = _Scores(answerable, unanswerable), resampling.create_rng()
    places = [
        np.searchsorted(sample, groups)
        for sample, groups in zip([samples[0], samples[-1]], (answerable_groups, unanswerable_groups), strict=True)
    ]
    drawn = []
    blocks = [draw_multinomial_counts(len(sample), resampling.resamples, rng) for sample in samples]
    if len(blocks) == 1:
        drawn = [scores.weigh(counts[:, places[0]], counts[:, places[1]]) for counts in blocks[0]]
    else:  # blocks of the two samples differ in length
        of_each = [np.concatenate(list(each)) for each in blocks]
        for start in range(0, resampling.resamples, 100):
            rows = slice(start, start + 100)
            drawn.append(scores.weigh(of_each[0][rows][:, places[0]], of_each[1][rows][:, places[1]]))
    resampled = np.concatenate(drawn)
    resampled = resampled[np.isfinite(resampled)]
    effective = min(compute_effective_number(np.bincount(each)) for each in places)
    widened = value + (resampled - value) * np.sqrt(effective / (effective - 1)) if effective > 1 else resampled
    moved = keep_in_range(np.array([value]), widened[:, None], (0.0, 1.0), n_groups=effective)
    return compute_percentile_interval(value, moved[:, 0], 1 - resampling.level)


class _Scores:
    """Scores of both sorts by their place among all values that occur."""

    def __init__(self, answerable: np.ndarray, unanswerable: np.ndarray) -> None:
        if not len(answerable) or not len(unanswerable):
            raise ValueError(f"{len(answerable)} answerable and {len(unanswerable)} unanswerable requests: both are needed")
        values, places = np.unique(np.concatenate([answerable, unanswerable]), return_inverse=True)
        self._at = [
            sp.csr_array((np.ones(len(each)), (np.arange(len(each)), each)), shape=(len(each), len(values)))
            for each in np.split(places, [len(answerable)])
        ]

    def weigh(self, answerable: np.ndarray, unanswerable: np.ndarray) -> np.ndarray:
        """Compute the area where each request counts so many times: weights of shape (n, n_requests); (n,)."""
        one, other = (np.asarray(weights @ at) for weights, at in zip((answerable, unanswerable), self._at, strict=True))
        below = np.cumsum(other, axis=1) - other / 2
        with np.errstate(invalid="ignore"):
            return np.asarray((one * below).sum(axis=1) / (one.sum(axis=1) * other.sum(axis=1)))
