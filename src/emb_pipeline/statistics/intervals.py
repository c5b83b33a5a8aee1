"""Bootstrap intervals of means, of pseudo-values and of macro-F1, for all systems of a task in one matrix product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from emb_pipeline.statistics.pseudo_values import PseudoValues
from emb_pipeline.statistics.resampling import group_codes, group_sums, multinomial_counts

_AT_THE_END = 1e-9
"""Share of a metric's range that a value is away from its end, below which it counts as the end itself."""


@dataclass(frozen=True)
class Interval:
    """A value and the interval around it, in the metric's own scale."""

    value: float
    low: float
    high: float


def bootstrap_means(
    scores: np.ndarray, *, n_resamples: int, rng: np.random.Generator, groups: np.ndarray | None = None
) -> np.ndarray:
    """Means of resampled units, the same resamples for all systems.

    Parameters
    ----------
    scores : ndarray of shape (n_units, n_systems)
        Item scores, in one unit order.
    n_resamples : int
        Resamples; 2,000 give a stable 95 % interval.
    rng : Generator
        Source of the resamples.
    groups : ndarray of shape (n_units,), optional
        Units of a group are drawn together (cluster bootstrap); the mean stays the mean over units.

    Returns
    -------
    ndarray of shape (n_resamples, n_systems), float64

    Raises
    ------
    ValueError
        Fewer than two units or groups.

    Notes
    -----
    Exact multinomial counts times scores: one float32 product. Scores are centred first, which keeps its rounding far
    below the interval's width.

    References
    ----------
    .. [1] Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
    .. [2] Cameron, Gelbach & Miller (2008), Bootstrap-based improvements for inference with clustered errors, RESTAT 90(3).
    """
    scores = np.asarray(scores, dtype=np.float64)
    codes, n_groups = group_codes(groups, len(scores))
    centre = scores.mean(axis=0)
    sums = group_sums(scores - centre, codes, n_groups).astype(np.float32)
    sizes = np.bincount(codes, minlength=n_groups).astype(np.float32)
    terms = np.column_stack([sums, sizes])
    totals = np.concatenate([counts @ terms for counts in multinomial_counts(n_groups, n_resamples, rng)]).astype(np.float64)
    return np.asarray(centre + totals[:, :-1] / totals[:, -1:])


def percentile_interval(value: float, resampled: np.ndarray, level: float = 0.95) -> Interval:
    """The middle ``level`` of resampled values, around a value [Efron & Tibshirani 1993, ch. 13]."""
    tail = 50 * (1 - level)
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return Interval(float(value), float(low), float(high))


def mean_intervals(
    scores: np.ndarray, *, n_resamples: int, rng: np.random.Generator, groups: np.ndarray | None = None, level: float = 0.95
) -> list[Interval]:
    """Mean and percentile interval of each system; see `bootstrap_means`, and `keep_in_range` for `PseudoValues`."""
    means = np.asarray(scores, dtype=np.float64).mean(axis=0)
    resampled = bootstrap_means(scores, n_resamples=n_resamples, rng=rng, groups=groups)
    if isinstance(scores, PseudoValues) and np.isfinite(scores.bounds).all():
        n_groups = group_codes(groups, len(scores))[1]
        resampled = keep_in_range(means, resampled, scores.bounds, n_groups=n_groups)
    return [percentile_interval(mean, column, level) for mean, column in zip(means, resampled.T, strict=True)]


def keep_in_range(values: np.ndarray, resampled: np.ndarray, bounds: tuple[float, float], *, n_groups: int) -> np.ndarray:
    """Redraw resampled values so that none leaves the metric's range, and intervals of few units cover what they claim.

    Means of resampled pseudo-values are the metric to first order only, and miss its range where units are few. The same
    deviations are therefore taken on the scale of the logit of the value's place in the range, and turned back. For a
    correlation that is Fisher's z.

    Parameters
    ----------
    values : ndarray of shape (n_systems,)
        The metric itself.
    resampled : ndarray of shape (n_resamples, n_systems)
        Means of resampled pseudo-values.
    bounds : (float, float)
        Ends of the metric's range.
    n_groups : int
        Units, or groups of units, that were drawn: deviations are multiplied by ``sqrt(n / (n - 1))``, because those of
        pseudo-values about their own mean are too small by that.

    Returns
    -------
    ndarray of shape (n_resamples, n_systems)
        In the same order as ``resampled``: the mapping is monotone. A value at an end of the range has no logit; its
        resampled values are cut off at that end.

    References
    ----------
    .. [1] Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.5: intervals of a transformed parameter.
    .. [2] Bonett & Wright (2000), Sample size requirements for estimating Pearson, Kendall and Spearman correlations,
       Psychometrika 65(1).
    """
    low, width = bounds[0], bounds[1] - bounds[0]
    places = (np.asarray(values, dtype=np.float64) - low) / width
    inside = (places > _AT_THE_END) & (places < 1 - _AT_THE_END)
    kept: np.ndarray = np.clip(resampled, *bounds)
    within = places[inside]
    deviations = (resampled[:, inside] - values[inside]) / width * np.sqrt(n_groups / (n_groups - 1))
    kept[:, inside] = low + width * expit(logit(within) + deviations / (within * (1 - within)))
    return kept


def bootstrap_macro_f1(
    labels: np.ndarray,
    predictions: np.ndarray,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Macro-F1 of resampled units, the same resamples for all systems.

    Parameters
    ----------
    labels : ndarray of shape (n_units,)
        Class codes from 0.
    predictions : ndarray of shape (n_units, n_systems)
        Predicted class codes.
    n_resamples, rng, groups
        As for `bootstrap_means`.

    Returns
    -------
    ndarray of shape (n_resamples, n_systems)

    Notes
    -----
    Draw counts times indicators give labelled, predicted and right units of each class. A class that a resample neither
    labels nor predicts is left out of its mean, as in `macro_f1`.
    """
    labels, predictions = np.asarray(labels, dtype=np.int64), np.asarray(predictions, dtype=np.int64)
    codes, n_groups = group_codes(groups, len(labels))
    n_classes = int(max(labels.max(), predictions.max())) + 1
    rows = np.arange(len(labels))

    def indicators(classes: np.ndarray, where: np.ndarray) -> np.ndarray:
        table = np.zeros((n_groups, n_classes), dtype=np.float32)
        np.add.at(table, (codes[where], classes[where]), 1)
        return table

    labelled = indicators(labels, rows)
    terms = np.hstack(
        [
            labelled,
            *(
                table
                for system in predictions.T
                for table in (indicators(system, rows), indicators(labels, rows[system == labels]))
            ),
        ]
    )
    values = []
    for counts in multinomial_counts(n_groups, n_resamples, rng):
        totals = (counts @ terms).reshape(len(counts), 1 + 2 * predictions.shape[1], n_classes)
        occurrences, hits = totals[:, :1] + totals[:, 1::2], totals[:, 2::2]
        values.append(_macro_f1(hits, occurrences))
    return np.concatenate(values)


def macro_f1(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Unweighted mean over classes of F1 = 2 · right / (labelled + predicted), for classes labelled or predicted at all.

    Parameters
    ----------
    labels, predictions : ndarray of shape (n_units,)
        Class codes from 0.
    """
    labels, predictions = np.asarray(labels, dtype=np.int64), np.asarray(predictions, dtype=np.int64)
    n_classes = int(max(labels.max(), predictions.max())) + 1
    occurrences = np.bincount(labels, minlength=n_classes) + np.bincount(predictions, minlength=n_classes)
    return float(_macro_f1(np.bincount(labels[labels == predictions], minlength=n_classes), occurrences))


def _macro_f1(hits: np.ndarray, occurrences: np.ndarray) -> np.ndarray:
    occurs = occurrences > 0
    f1 = np.divide(2.0 * hits, occurrences, out=np.zeros(occurrences.shape), where=occurs)
    return np.asarray(f1.sum(axis=-1) / occurs.sum(axis=-1))
