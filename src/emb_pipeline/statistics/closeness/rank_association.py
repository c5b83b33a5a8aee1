"""Spearman's rank correlation over embeddings that are not independent, with an interval that holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEWEST_CLUSTERS = 6
"""Clusters of embeddings below which a correlation has no interval: its variance cannot be estimated."""


@dataclass(frozen=True)
class RankAssociation:
    """Spearman's ρ of two values of embeddings.

    Attributes
    ----------
    rho : float
        The correlation of the ranks; NaN where either value is the same for all.
    low, high : float
        Its interval, inside [-1, 1]; NaN with too few clusters.
    p : float
        Two-sided, of no correlation; NaN with too few clusters.
    n, n_clusters : int
        Embeddings, and clusters of them that are taken for independent.
    """

    rho: float
    low: float
    high: float
    p: float
    n: int
    n_clusters: int


def estimate_rank_association(
    measure: np.ndarray,
    scores: np.ndarray,
    clusters: np.ndarray,
    resampled: np.ndarray | None = None,
    *,
    level: float = 0.05,
) -> RankAssociation:
    """Estimate Spearman's ρ over embeddings, for other embeddings such as these and other test units.

    Sizes, copies and seeds of an embedding are alike, so what is independent is a cluster of them. The variance is that of
    the jackknife over clusters, brought to Fisher's scale by the delta method, and at least ``1 / (n - 1)``, which
    independent embeddings without correlation have. The variance over resampled test units is added. What units and
    embeddings share is counted twice then, which makes the interval wider, never narrower [1]_. Quantiles are Student's,
    with a degree of freedom less than clusters.

    Parameters
    ----------
    measure, scores : ndarray of shape (n,)
        Two values of each embedding.
    clusters : ndarray of shape (n,)
        The cluster of each.
    resampled : ndarray of shape (n_resamples, n), optional
        ``scores`` on resamples of the test units.
    level : float
        The interval covers ``1 - level``.

    Raises
    ------
    ValueError
        Not one value of each and one cluster for each embedding.

    References
    ----------
    .. [1] Owen (2007), The pigeonhole bootstrap, Annals of Applied Statistics 1(2).
    """
    from scipy.stats import t

    if not measure.shape == scores.shape == clusters.shape:
        raise ValueError(f"{measure.shape} measures, {scores.shape} scores and {clusters.shape} clusters do not match")
    n, codes = len(measure), np.unique(clusters, return_inverse=True)[1]
    n_clusters = len(np.unique(codes))
    rho = correlate_ranks(measure, scores)
    unknown = RankAssociation(rho, float("nan"), float("nan"), float("nan"), n, n_clusters)
    if n_clusters < FEWEST_CLUSTERS or not np.isfinite(rho):
        return unknown
    left_out = np.array([correlate_ranks(measure[codes != each], scores[codes != each]) for each in range(n_clusters)])
    if not np.isfinite(left_out).all():
        return unknown
    variance = (n_clusters - 1) / n_clusters * float(np.square(left_out - left_out.mean()).sum())
    if resampled is not None:
        variance += float(np.var(_correlate_rows(measure, resampled)))
    inside = float(np.clip(rho, -1 + 1 / n, 1 - 1 / n))
    z, error = np.arctanh(inside), max(np.sqrt(variance) / (1 - inside**2), 1 / np.sqrt(n - 1))
    reach = t.ppf(1 - level / 2, n_clusters - 1) * error
    p = 2 * t.sf(abs(z) / error, n_clusters - 1)
    return RankAssociation(rho, float(np.tanh(z - reach)), float(np.tanh(z + reach)), float(p), n, n_clusters)


def _correlate_rows(measure: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Compute Spearman's ρ with each row; rows of equal values alone are left out."""
    from scipy.stats import rankdata

    center = (len(measure) + 1) / 2
    one, others = rankdata(measure) - center, rankdata(rows, axis=1) - center
    lengths = np.sqrt(np.square(one).sum() * np.square(others).sum(axis=1))
    return np.asarray((others @ one)[lengths > 0] / lengths[lengths > 0])


def correlate_ranks(first: np.ndarray, second: np.ndarray) -> float:
    """Compute Spearman's ρ, with mean ranks for equal values; NaN for fewer than three values, or equal ones alone."""
    from scipy.stats import rankdata

    if len(first) < 3:
        return float("nan")
    one, other = (rankdata(each) - (len(each) + 1) / 2 for each in (first, second))
    length = np.sqrt(np.square(one).sum() * np.square(other).sum())
    return float(one @ other / length) if length > 0 else float("nan")
