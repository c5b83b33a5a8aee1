"""Scores of embeddings on units like those of a new sample: means of the test units, weighted by how new each looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from emb_pipeline.statistics.intervals.bootstrap import (
    Interval,
    bootstrap_means,
    compute_effective_number,
    compute_mean_intervals,
)
from emb_pipeline.statistics.intervals.metric_ranges import find_largest_difference, find_range
from emb_pipeline.statistics.resampling import Resampling

FEWEST_EFFECTIVE = 30
"""Effective number of units below which there is no weighted estimate."""


@dataclass(frozen=True)
class WeightedScore:
    """An embedding's mean score on the test units, and on units like the new ones.

    Attributes
    ----------
    embedding : str
        Its name.
    tested, weighted : Interval
        Mean of all test units, and the weighted mean.
    """

    embedding: str
    tested: Interval
    weighted: Interval


@dataclass(frozen=True)
class Lead:
    """The lead of the embedding that is best on units like the new ones over the one that was chosen.

    Attributes
    ----------
    embedding, chosen : str
        The best, and the chosen one; the same where the chosen one is best.
    difference : Interval
        Best minus chosen, weighted; the interval holds at once for all embeddings.
    """

    embedding: str
    chosen: str
    difference: Interval

    @property
    def is_shown(self) -> bool:
        """Tell whether the interval leaves out zero."""
        return self.difference.low > 0


@dataclass(frozen=True)
class NewEstimate:
    """Scores on units like the new ones.

    Attributes
    ----------
    metric : str
        The metric of single units.
    n_units : int
        Test units.
    n_effective : float
        Equally weighted units that would say as much as the weighted ones [Kish 1965, Survey Sampling]; at most twice the
        units that look newer than the median of the new ones.
    scores : list of WeightedScore
        Of each embedding, the best weighted score first; empty where `n_effective` is below `FEWEST_EFFECTIVE`.
    lead : Lead, optional
        None without scores, or where the chosen embedding is not among them.
    """

    metric: str
    n_units: int
    n_effective: float
    scores: list[WeightedScore]
    lead: Lead | None


def estimate_weights(scores: np.ndarray, is_new: np.ndarray, of_units: np.ndarray) -> np.ndarray:
    """Estimate how much more frequent texts like each test unit are among the new ones: ``p(x | new) / p(x | test)``.

    Parameters
    ----------
    scores : ndarray of shape (n_texts,)
        What a classifier that did not learn from a text says of it.
    is_new : ndarray of shape (n_texts,), bool
        The new texts.
    of_units : ndarray of shape (n_units,)
        Such scores of the test units.

    Returns
    -------
    ndarray of shape (n_units,)
        Weights of mean 1. None is above ``√n_units`` [1]_. All are 0 where no test unit looks like a new text.

    Notes
    -----
    A logistic regression on the score makes a probability of it [2]_, and its odds are the ratio of densities, up to a
    factor [3]_.

    References
    ----------
    .. [1] Ionides (2008), Truncated importance sampling, Journal of Computational and Graphical Statistics 17(2).
    .. [2] Platt (1999), Probabilistic outputs for support vector machines.
    .. [3] Sugiyama, Suzuki & Kanamori (2012), Density Ratio Estimation in Machine Learning, ch. 4.
    """
    spread = float(scores.std()) or 1.0
    fitted = LogisticRegression(C=1e3).fit(scores[:, None] / spread, is_new)
    odds = np.exp(np.clip(fitted.decision_function(of_units[:, None] / spread), -30, 30))
    weights = np.minimum(odds / odds.mean(), np.sqrt(len(odds)))
    return np.asarray(weights / weights.mean())


def count_like_new(new: np.ndarray, of_units: np.ndarray) -> float:
    """Count the test units that look like new ones: twice those that look newer than the median of the new ones.

    If no test unit looks like a new one, weights still differ little among the test units: their effective number alone
    does not say that nothing is like them.

    Parameters
    ----------
    new, of_units : ndarray of shape (n_new,) and (n_units,)
        Scores of a classifier.
    """
    return 2.0 * float((of_units >= np.median(new)).sum())


def weigh_scores(
    names: Sequence[str],
    scores: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    metric: str,
    chosen: str,
    resampling: Resampling,
    *,
    n_like: float = np.inf,
) -> NewEstimate:
    """Estimate the scores on units like the new ones.

    Parameters
    ----------
    names : sequence of str
        Of the embeddings.
    scores : ndarray of shape (n_units, n_embeddings)
        Item scores.
    weights : ndarray of shape (n_units,)
        How much more frequent units like each are among the new ones (`estimate_weights`).
    groups : ndarray of shape (n_units,), int
        Units of a group are resampled together.
    metric : str
        Of the scores.
    chosen : str
        The embedding that others are compared with.
    resampling : Resampling
        Resamples, level and seed; the same for all embeddings, so that they stay paired.
    n_like : float
        Units that are as new as new ones (`count_like_new`): the effective number is at most this.

    Notes
    -----
    The estimate holds where a text has the same right answer in both samples, and where each sort of new text is among the
    test texts, if rarely: covariate shift [1]_. The weights are taken as known; the interval covers the test units.

    References
    ----------
    .. [1] Shimodaira (2000), Improving predictive inference under covariate shift by weighting the log-likelihood function,
       Journal of Statistical Planning and Inference 90(2).
    """
    n_effective = min(compute_effective_number(np.bincount(groups, weights)), n_like)
    if n_effective < FEWEST_EFFECTIVE:
        return NewEstimate(metric, len(weights), n_effective, [], None)
    tested, weighted = (
        compute_mean_intervals(
            scores,
            n_resamples=resampling.resamples,
            rng=resampling.create_rng(),
            groups=groups,
            weights=each,
            level=1 - resampling.level,
            bounds=find_range(metric),
        )
        for each in (None, weights)
    )
    found = [WeightedScore(*each) for each in zip(names, tested, weighted, strict=True)]
    lead = _compute_lead(names, scores, weights, groups, metric, chosen, resampling) if chosen in names else None
    found.sort(key=lambda each: -each.weighted.value)
    return NewEstimate(metric, len(weights), n_effective, found, lead)


def _compute_lead(
    names: Sequence[str],
    scores: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    metric: str,
    chosen: str,
    resampling: Resampling,
) -> Lead:
    """Compute the lead of the best over the chosen one; its interval holds for all at once (single-step max-t)."""
    own, means = list(names).index(chosen), np.average(scores, axis=0, weights=weights)
    best = int(np.argmax(means))
    if len(names) == 1 or best == own:
        return Lead(chosen, chosen, Interval(0.0, 0.0, 0.0))
    resampled = bootstrap_means(
        scores,
        n_resamples=resampling.resamples,
        rng=resampling.create_rng(),
        groups=groups,
        weights=weights,
        discordant=True,
    )
    others = [column for column in range(len(names)) if column != own]
    deviations = (resampled - means)[:, others] - (resampled - means)[:, [own]]
    spread = np.maximum(deviations.std(axis=0), 1e-12)
    critical = float(np.quantile(np.abs(deviations / spread).max(axis=1), 1 - resampling.level))
    half, value = critical * spread[others.index(best)], float(means[best] - means[own])
    largest = find_largest_difference(metric)
    return Lead(names[best], chosen, Interval(value, float(max(value - half, -largest)), float(min(value + half, largest))))
