"""The share of something among the words of texts, in two samples of texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emb_pipeline.statistics.intervals.bootstrap import Interval, bootstrap_means, compute_percentile_interval
from emb_pipeline.statistics.resampling import Resampling


@dataclass(frozen=True)
class RateDifference:
    """Two shares, and their difference.

    Attributes
    ----------
    first, second : float
        Sums of the counts, divided by the sums of what they are counted among.
    difference : Interval
        Second minus first; NaN at both ends where a sample has fewer than two texts with words.
    """

    first: float
    second: float
    difference: Interval


def compare_rates(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], resampling: Resampling
) -> RateDifference:
    """Compare a rate in two samples; texts are what is resampled.

    Parameters
    ----------
    first, second : (ndarray of shape (n_texts,), ndarray of shape (n_texts,))
        Of each text, how many words are counted (unknown ones; pieces), and how many it has. Texts without words are left
        out.

    Returns
    -------
    RateDifference
    """
    rng, rates, resampled = resampling.create_rng(), [], []
    for counted, words in (first, second):
        kept = words > 0
        counted, words = counted[kept].astype(np.float64), words[kept].astype(np.float64)
        rates.append(float(counted.sum() / words.sum()) if words.size else np.nan)
        if len(words) >= 2:
            shares = (counted / words)[:, None]
            resampled.append(bootstrap_means(shares, n_resamples=resampling.resamples, rng=rng, weights=words)[:, 0])
    difference = rates[1] - rates[0]
    if len(resampled) < 2:
        return RateDifference(rates[0], rates[1], Interval(difference, np.nan, np.nan))
    return RateDifference(
        rates[0],
        rates[1],
        compute_percentile_interval(difference, resampled[1] - resampled[0], 1 - resampling.level),
    )
