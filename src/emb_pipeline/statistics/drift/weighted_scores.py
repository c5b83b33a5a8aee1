"""Scores of embeddings on texts like new ones: of test units, weighted by how new each looks, and predicted for the rest.

The weights match the test units to the new texts as far as a classifier sees the difference. It never sees all of it. So a
regression of the scores on the texts predicts them for the new texts, and the weighted mean of its residuals corrects it:
the error that is left is that of the weights times that of the predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.isotonic import IsotonicRegression

from emb_pipeline.statistics.drift.two_samples import PENALTY
from emb_pipeline.statistics.intervals.bootstrap import (
    Interval,
    compute_effective_number,
    compute_mean_intervals,
    compute_percentile_interval,
    keep_in_range,
)
from emb_pipeline.statistics.intervals.metric_ranges import find_largest_difference, find_range
from emb_pipeline.statistics.resampling import Resampling, group_codes

FEWEST_EFFECTIVE = 30
"""Effective number of units below which there is no weighted estimate."""
_LARGEST_ODDS, _TIED = 1e3, 1e-9


@dataclass(frozen=True)
class WeightedScore:
    """An embedding's mean score on the test units, and on texts like the new ones.

    Attributes
    ----------
    embedding : str
        Its name.
    tested, weighted : Interval
        Mean of all test units, and the estimate for the new texts.
    """

    embedding: str
    tested: Interval
    weighted: Interval


@dataclass(frozen=True)
class Lead:
    """The lead of the embedding that is best on texts like the new ones over the one that was chosen.

    Attributes
    ----------
    embedding, chosen : str
        The best, and the chosen one; the same where the chosen one is best.
    difference : Interval
        Best minus chosen, on texts like the new ones; the interval holds at once for all embeddings.
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
    """Scores on texts like the new ones.

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


@dataclass(frozen=True, eq=False)
class UnitsAndNew:
    """Test units and new texts, as the classifier that tells them apart saw them.

    Attributes
    ----------
    n_units : int
        The first rows are the test units, the others the new texts.
    drawn : ndarray of shape (n_drawn,), int
        Rows of the test units that the classifier learned from.
    kernel : ndarray of shape (n_rows, n_drawn)
        Inner products of all texts with those of ``drawn``.
    folds : ndarray of shape (n_rows,), int
        Texts of one group are in one fold.
    newness : ndarray of shape (n_rows,)
        What a classifier that did not learn from a text's fold says of it: the higher, the newer.
    """

    n_units: int
    drawn: np.ndarray
    kernel: np.ndarray
    folds: np.ndarray
    newness: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Frequency of texts like each test unit among the new ones, over that among the test units: mean 1, (n_units,).

        Isotonic regression on the classifier's score makes a probability of it, and its odds are the ratio of densities, up
        to a factor [1]_: a step function, so that texts of one sort have one weight. None is above ``√n_units`` times the
        mean [2]_.

        References
        ----------
        .. [1] Sugiyama, Suzuki & Kanamori (2012), Density Ratio Estimation in Machine Learning, ch. 4.
        .. [2] Ionides (2008), Truncated importance sampling, Journal of Computational and Graphical Statistics 17(2).
        """
        old, new = self.newness[self.drawn], self.newness[self.n_units :]
        fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        fitted.fit(np.concatenate([old, new]), np.repeat([0.0, 1.0], [len(old), len(new)]))
        shares = fitted.predict(self.newness[: self.n_units])
        odds = np.minimum(shares / np.maximum(1 - shares, 1e-12), _LARGEST_ODDS)
        if not odds.any():
            return np.ones(self.n_units)
        weights = np.minimum(odds / odds.mean(), np.sqrt(self.n_units))
        return np.asarray(weights / weights.mean())

    @property
    def n_like_new(self) -> float:
        """Twice the test units that look newer than the median of the new texts.

        If no test unit looks like a new text, all have about one weight: their effective number does not say that none is
        like them.
        """
        return 2.0 * float((self.newness[: self.n_units] >= np.median(self.newness[self.n_units :])).sum())


def estimate_new_scores(
    names: Sequence[str],
    scores: np.ndarray,
    texts: UnitsAndNew,
    groups: np.ndarray,
    metric: str,
    chosen: str,
    resampling: Resampling,
) -> NewEstimate:
    """Estimate the scores on texts like the new ones.

    Parameters
    ----------
    names : sequence of str
        Of the embeddings.
    scores : ndarray of shape (n_units, n_embeddings)
        Item scores.
    texts : UnitsAndNew
        The texts of the units, and the new ones.
    groups : ndarray of shape (n_units,)
        Units of a group vary together.
    metric : str
        Of the scores.
    chosen : str
        The embedding that others are compared with.
    resampling : Resampling
        Resamples, level and seed; the same for all embeddings, so that they stay paired.

    Notes
    -----
    The estimate is the mean prediction for the new texts, plus the weighted mean of the residuals of the test units [1]_.
    Predictions are of ridge regression on the texts, by the folds of the classifier. The estimate is a weighted sum of item
    scores; the sum of its squared coefficients gives the effective number. Its interval is by a multiplier bootstrap of
    residuals and of predictions [2]_, with Student's t of the effective number.

    It holds where a text has the same right answer in both samples, and where each sort of new text is among the test texts,
    if rarely: covariate shift [3]_. The weights are taken as known.

    References
    ----------
    .. [1] Robins, Rotnitzky & Zhao (1994), Estimation of regression coefficients when some regressors are not always
       observed, JASA 89(427): augmented inverse probability weighting.
    .. [2] Wu (1986), Jackknife, bootstrap and other resampling methods in regression analysis, Annals of Statistics 14(4).
    .. [3] Shimodaira (2000), Improving predictive inference under covariate shift by weighting the log-likelihood function,
       Journal of Statistical Planning and Inference 90(2).
    """
    shares = texts.weights / texts.n_units
    predicted, coefficients = _predict(scores, texts, shares)
    codes, n_groups = group_codes(groups, texts.n_units)
    n_effective = min(1 / float((np.bincount(codes, coefficients) ** 2).sum()), texts.n_like_new)
    n_effective = min(n_effective, compute_effective_number(np.bincount(codes, shares)))
    if n_effective < FEWEST_EFFECTIVE:
        return NewEstimate(metric, texts.n_units, n_effective, [], None)
    of_units, of_new = predicted[: texts.n_units], predicted[texts.n_units :]
    residuals = scores - of_units
    values = of_new.mean(axis=0) + shares @ residuals
    terms = np.zeros((n_groups + len(of_new), scores.shape[1]))
    np.add.at(terms, codes, coefficients[:, None] * residuals)
    terms[n_groups:] = (of_new - of_new.mean(axis=0)) / len(of_new)
    rng = resampling.create_rng()
    deviations = rng.standard_normal((resampling.resamples, len(terms)), dtype=np.float32) @ terms
    freedom = n_effective - 1
    deviations *= np.sqrt(freedom / rng.chisquare(freedom, resampling.resamples))[:, None]
    tested = compute_mean_intervals(
        scores,
        n_resamples=resampling.resamples,
        rng=resampling.create_rng(),
        groups=groups,
        level=1 - resampling.level,
        bounds=find_range(metric),
    )
    weighted = _bound(values, deviations, find_range(metric), n_effective, 1 - resampling.level)
    found = [WeightedScore(*each) for each in zip(names, tested, weighted, strict=True)]
    found.sort(key=lambda each: -each.weighted.value)
    lead = _compute_lead(names, values, deviations, metric, chosen, resampling.level) if chosen in names else None
    return NewEstimate(metric, texts.n_units, n_effective, found, lead)


def _predict(scores: np.ndarray, texts: UnitsAndNew, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predict the scores of all texts, and find each unit's coefficient in the estimate: both (n_rows, …) and (n_units,)."""
    predicted = np.zeros((len(texts.kernel), scores.shape[1]))
    coefficients = shares.copy()
    n_new = len(texts.kernel) - texts.n_units
    parts = np.concatenate([-shares, np.full(n_new, 1 / n_new)])
    of_drawn = texts.folds[texts.drawn]
    for fold in np.unique(texts.folds):
        rows, learned = np.flatnonzero(texts.folds == fold), np.flatnonzero(of_drawn != fold)
        if not len(learned):
            continue
        units = texts.drawn[learned]
        factor = cho_factor(texts.kernel[np.ix_(units, learned)] + PENALTY * np.eye(len(learned)), lower=True)
        kernel, mean = texts.kernel[np.ix_(rows, learned)], scores[units].mean(axis=0)
        predicted[rows] = mean + kernel @ cho_solve(factor, scores[units] - mean)
        spread = cho_solve(factor, parts[rows] @ kernel)
        np.add.at(coefficients, units, spread + (parts[rows].sum() - spread.sum()) / len(learned))
    return predicted, coefficients


def _bound(
    values: np.ndarray, deviations: np.ndarray, bounds: tuple[float, float], n_effective: float, level: float
) -> list[Interval]:
    values = np.clip(values, *bounds)
    resampled = values + deviations
    if np.isfinite(bounds).all():
        resampled = keep_in_range(values, resampled, bounds, n_groups=n_effective)
    return [compute_percentile_interval(value, column, level) for value, column in zip(values, resampled.T, strict=True)]


def _compute_lead(
    names: Sequence[str], values: np.ndarray, deviations: np.ndarray, metric: str, chosen: str, level: float
) -> Lead:
    """Compute the lead of the best over the chosen one; its interval holds for all at once (single-step max-t)."""
    own, best = list(names).index(chosen), int(np.argmax(values))
    if values[best] - values[own] < _TIED:
        return Lead(chosen, chosen, Interval(0.0, 0.0, 0.0))
    others = [column for column in range(len(names)) if column != own]
    differing = deviations[:, others] - deviations[:, [own]]
    spread = np.maximum(differing.std(axis=0), 1e-12)
    critical = float(np.quantile(np.abs(differing / spread).max(axis=1), 1 - level))
    half, value = critical * spread[others.index(best)], float(values[best] - values[own])
    largest = find_largest_difference(metric)
    return Lead(names[best], chosen, Interval(value, float(max(value - half, -largest)), float(min(value + half, largest))))
