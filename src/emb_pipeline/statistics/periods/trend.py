"""Trends of scores over periods, with intervals that hold for all embeddings at once: for whichever was chosen, too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emb_pipeline.statistics.intervals.simultaneous import Together, bound_together
from emb_pipeline.statistics.resampling import Resampling


@dataclass(frozen=True, eq=False)
class Trends:
    """Trends of several embeddings.

    Attributes
    ----------
    slopes : Together
        Change of the score from one period to the next, by least squares over units.
    changes : Together
        Mean of the last period minus that of all earlier ones.
    """

    slopes: Together
    changes: Together


def estimate_trends(scores: np.ndarray, codes: np.ndarray, groups: np.ndarray, resampling: Resampling) -> Trends:
    """Estimate the trends of embeddings over periods.

    What scored highest on earlier periods was lucky there, and falls afterwards even where nothing changes. The intervals
    hold for all embeddings at once, so they hold for one that was chosen by any rule.

    Parameters
    ----------
    scores : ndarray of shape (n_units, n_embeddings)
        Item scores.
    codes : ndarray of shape (n_units,), int
        Number of each unit's period, from 0 on: two at least.
    groups : ndarray of shape (n_units,)
        Units of a group are resampled together.
    resampling : Resampling
        Resamples, level and seed.

    Returns
    -------
    Trends

    Notes
    -----
    A slope is the mean of its pseudo-values: the estimate plus each unit's influence on it, so residuals may vary from
    period to period (the sandwich variance [1]_).

    References
    ----------
    .. [1] White (1980), A heteroskedasticity-consistent covariance matrix estimator, Econometrica 48(4).
    """
    times = codes - codes.mean()
    spread = float((times**2).mean())
    centered = scores - scores.mean(axis=0)
    slopes = times @ centered / len(times) / spread
    residuals = centered - times[:, None] * slopes
    of_slopes = slopes + times[:, None] * residuals / spread
    is_last = codes == codes.max()
    after, before = scores[is_last].mean(axis=0), scores[~is_last].mean(axis=0)
    shares = float(is_last.mean())
    of_changes = after - before + np.where(is_last[:, None], (scores - after) / shares, -(scores - before) / (1 - shares))
    # The noise of one unit that scored otherwise: what never varies has an interval, too.
    step = float(scores.std()) or 1.0
    return Trends(
        bound_together(of_slopes, groups, resampling, step=step / np.sqrt(spread)),
        bound_together(of_changes, groups, resampling, step=step / np.sqrt(shares * (1 - shares))),
    )
