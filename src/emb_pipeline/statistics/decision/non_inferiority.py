"""One-sided tests of a decision: not inferior to the best, better than the floor, and how many units would show it."""

from __future__ import annotations

import numpy as np

from emb_pipeline.statistics.comparisons.power import POWER
from emb_pipeline.statistics.decision.dunnett import compare_with
from emb_pipeline.statistics.decision.scored import Scored


def check_non_inferiority(scored: Scored, level: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Test each embedding against the best, whichever that truly is.

    Embedding j is not inferior if it is not worse than *any* other by the margin or more. Against each other i it is tested
    by ``t = (mean_j - mean_i + margin) / s_ij``, and compared with the largest such statistic of all embeddings against i
    under resampling (Dunnett's comparisons with i as the control, by bootstrap); its p is the largest of these. Whichever
    i is truly the best, an inferior j is let through only by a false alarm among the comparisons with that i: the
    probability of letting any through is at most the level, though the best is chosen from the same scores. The one that
    is measured best is tested like all others.

    Parameters
    ----------
    scored : Scored
        The candidates.
    level : float
        Of the bounds.

    Returns
    -------
    p : ndarray of shape (n_embeddings,)
        Adjusted. A single candidate has p = 1 / (n_resamples + 1): there is nothing to be inferior to.
    bound : ndarray of shape (n_embeddings,)
        Lower simultaneous bound of each one's mean minus the best other's: above ``-margin`` means not inferior.

    References
    ----------
    .. [1] Hsu (1996), Multiple Comparisons: Theory and Methods, ch. 4 (comparisons with the best).
    .. [2] Berger (1982), Multiparameter hypothesis testing and acceptance sampling, Technometrics 24(4).
    .. [3] Piaggio et al. (2012), Reporting of noninferiority and equivalence randomized trials, JAMA 308(24).
    """
    n = len(scored.embeddings)
    if n < 2:
        return np.full(n, 1 / (len(scored.resampled) + 1)), np.full(n, np.inf)
    tests = scored.with_each
    leads = scored.values[None, :] - scored.values[:, None]
    p = tests.compute_p(leads + scored.margin)
    bounds = leads - tests.compute_widths(level)
    np.fill_diagonal(p, 0.0)
    np.fill_diagonal(bounds, np.inf)
    return p.max(axis=0), np.clip(bounds.min(axis=0), -scored.largest, scored.largest)


def find_required_leads(scored: Scored, level: float) -> np.ndarray:
    """The lead over each other that shows an embedding to be not inferior, whatever the scores.

    Returns
    -------
    ndarray of shape (n_embeddings, n_embeddings)
        Row i, column j: what j's mean minus i's must exceed; negative where j may be below i. Minus infinity of itself.
    """
    required = scored.with_each.compute_widths(level) - scored.margin
    np.fill_diagonal(required, -np.inf)
    return required


def run_floor_tests(scored: Scored) -> tuple[np.ndarray, list[str | None]]:
    """Test if embeddings are better than every floor: controls, the largest class, chance.

    One-sided, for each floor adjusted for all embeddings; an embedding's p is the largest over the floors.

    Returns
    -------
    p : ndarray of shape (n_embeddings,)
        NaN where the task has no floor. In at most the level's share of cases any is at most the level of those
        that are no better than one of the floors.
    hardest : list of str or None
        Of each embedding the floor with that p; of several the highest.
    """
    n = len(scored.embeddings)
    if scored.floor is None or not n:
        return np.full(n, np.nan), [None] * n
    floor = scored.floor.select_embeddings(
        [scored.floor.embeddings[row] for row in np.argsort(-scored.floor.values, kind="stable")]
    )
    p = compare_with(scored.deviations, floor.deviations).compute_p(scored.values[None, :] - floor.values[:, None])
    return p.max(axis=0), [floor.embeddings[row] for row in p.argmax(axis=0)]


def estimate_units_needed(scored: Scored, center: np.ndarray, level: float, power: float = POWER) -> np.ndarray:
    """Estimate how many units would show each embedding to be not inferior in this share of cases.

    With N units of the same kind in place of n, deviations and what a test requires are smaller by ``sqrt(n / N)``. The
    share of resamples in which an embedding passes all its tests then follows from those that are there.

    Parameters
    ----------
    scored : Scored
        The candidates; all of their spread is taken to come from the units.
    center : ndarray of shape (n_embeddings,)
        What the true means are taken to be: not the measured ones, among which the best one is too high.
    level : float
        Of the test.
    power : float
        Share of cases.

    Returns
    -------
    ndarray of shape (n_embeddings,)
        Units in all, not further ones; infinite of an embedding that is worse than another by the margin or more.
    """
    n = len(scored.embeddings)
    if n < 2:
        return np.full(n, float(scored.n_units))
    deviations, widths = scored.deviations, scored.with_each.compute_widths(level)
    needed = np.full(n, np.inf)
    for j in range(n):
        others = np.arange(n) != j
        distance = center[j] - center[others] + scored.margin
        if (distance <= 0).any():
            continue
        shortfall = widths[others, j] - (deviations[:, [j]] - deviations[:, others])
        scale = np.divide(distance, shortfall, out=np.full_like(shortfall, np.inf), where=shortfall > 0).min(axis=1)
        enough = np.quantile(scale, 1 - power, method="lower")
        needed[j] = scored.n_units / enough**2 if np.isfinite(enough) else 0.0
    return needed
