"""A linear classifier that tells two samples apart: its area under the ROC curve on texts that it did not learn from.

The classifier is ridge regression on the side of each text, -1 or 1, in its dual form: the kernel is inverted once for a
fold, and any number of labelings costs one product. So the permutation test refits the classifier for each permutation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import stdtrit
from scipy.stats import rankdata

from emb_pipeline.statistics.intervals.bootstrap import Interval, compute_percentile_interval, keep_in_range
from emb_pipeline.statistics.resampling import Resampling

FOLDS = 5
PENALTY = 1.0
"""Of the ridge regression, where the kernel of a text with itself is 1."""
_QUANTILES, _DECIMALS = 2000, 4


@dataclass(frozen=True, eq=False)
class Separation:
    """The separation of two samples by a classifier.

    Attributes
    ----------
    area : Interval
        Area under the ROC curve: of a text of the second sample and one of the first, the probability that the classifier
        takes the right one for that of the second. 0.5: it cannot tell them apart.
    p : float
        Of the permutation test that both are from one source.
    scores : ndarray of shape (n_texts,)
        What the classifier of its fold says of each text: the higher, the more like the second sample.
    """

    area: Interval
    p: float
    scores: np.ndarray


def separate_samples(
    kernel: np.ndarray, is_second: np.ndarray, folds: np.ndarray, groups: np.ndarray, resampling: Resampling, n_permuted: int
) -> Separation:
    """Fit the classifier on all folds but one, score the texts of that fold, and compute area, interval and p.

    Parameters
    ----------
    kernel : ndarray of shape (n_texts, n_learned)
        Inner products of all texts with those that are learned from, which are the first ``n_learned`` texts. Further texts
        are scored alone.
    is_second : ndarray of shape (n_learned,), bool
        The texts of the second sample.
    folds : ndarray of shape (n_texts,), int
        Fold of each text; texts of one group are in one fold.
    groups : ndarray of shape (n_learned,), int
        Texts of one group vary together.
    resampling : Resampling
        Level of the interval, and seed of the permutations.
    n_permuted : int
        Permutations of the sides.

    Returns
    -------
    Separation

    Raises
    ------
    ValueError
        No fold has texts of both samples.

    Notes
    -----
    Texts are compared within their fold, because classifiers of two folds have two scales. The area is the mean over folds,
    by their pairs of texts, and its interval is that of the classifiers that were fitted [1]_: influences of texts, summed
    by group. Student's t and the bounds of the range are as for other scores (`keep_in_range`).

    If both samples are from one source, each labeling of the texts is as probable. So p is exact for texts that are
    independent, whatever the classifier [2]_.

    References
    ----------
    .. [1] LeDell, Petersen & van der Laan (2015), Computationally efficient confidence intervals for cross-validated area
       under the ROC curve estimates, Electronic Journal of Statistics 9(1).
    .. [2] Lopez-Paz & Oquab (2017), Revisiting classifier two-sample tests, ICLR.
    """
    rng, n_learned = resampling.create_rng(), len(is_second)
    labelings = np.column_stack([is_second, *(rng.permutation(is_second) for _ in range(n_permuted))])
    scores, of_permuted = _cross_fit(kernel, labelings, folds)
    areas = _compute_areas(of_permuted, labelings, folds[:n_learned])
    n_reached = int((areas[1:] >= areas[0] - 1e-12).sum())
    influences = _compute_influences(scores[:n_learned], is_second, folds[:n_learned])
    inflation = max(1.0, float(areas[1:].std()) / _compute_null_spread(is_second, folds[:n_learned]))
    area = _build_interval(float(areas[0]), inflation * influences, groups, 1 - resampling.level)
    return Separation(area, (1 + n_reached) / (1 + n_permuted), scores)


def _cross_fit(kernel: np.ndarray, labelings: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score each text by the classifier that did not learn from its fold.

    Returns
    -------
    scores : ndarray of shape (n_texts,)
        By the first labeling.
    of_labelings : ndarray of shape (n_learned, n_labelings)
        Of the texts that are learned from, by each.
    """
    n_learned = len(labelings)
    scores = np.zeros(len(kernel), dtype=np.float32)
    of_labelings = np.zeros((n_learned, labelings.shape[1]), dtype=np.float32)
    for fold in np.unique(folds):
        learned = np.flatnonzero(folds[:n_learned] != fold)
        tested = np.flatnonzero(folds == fold)
        if not len(learned):
            continue
        own = kernel[np.ix_(learned, learned)] + PENALTY * np.eye(len(learned), dtype=kernel.dtype)
        sides = 2.0 * labelings[learned] - 1
        coefficients = cho_solve(cho_factor(own, lower=True), (sides - sides.mean(axis=0)).astype(kernel.dtype))
        # Rounding tells copies of a text apart where the classifier has learned nothing.
        scores[tested] = np.round(kernel[np.ix_(tested, learned)] @ coefficients[:, 0], _DECIMALS)
        own_tested = tested[tested < n_learned]
        of_labelings[own_tested] = np.round(kernel[np.ix_(own_tested, learned)] @ coefficients, _DECIMALS)
    of_labelings[:, 0] = scores[:n_learned]
    return scores, of_labelings


def _compute_areas(scores: np.ndarray, labelings: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Compute the area of each labeling: pairs within folds that are in the right order, over all of them."""
    right, pairs = np.zeros(labelings.shape[1]), np.zeros(labelings.shape[1])
    for fold in np.unique(folds):
        rows = folds == fold
        ranks, is_second = rankdata(scores[rows], axis=0), labelings[rows]
        n_second = is_second.sum(axis=0)
        right += (ranks * is_second).sum(axis=0) - n_second * (n_second + 1) / 2
        pairs += n_second * (len(ranks) - n_second)
    if not pairs[0]:
        raise ValueError("no fold has texts of both samples")
    return np.asarray(right / np.maximum(pairs, 1))


def _compute_influences(scores: np.ndarray, is_second: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Compute what each text adds to the deviation of the area: shape (n_learned,)."""
    influences = np.zeros(len(scores))
    n_pairs = sum(int(is_second[folds == fold].sum() * (~is_second[folds == fold]).sum()) for fold in np.unique(folds))
    for fold in np.unique(folds):
        first, second = (np.flatnonzero((folds == fold) & (is_second == side)) for side in (False, True))
        if not len(first) or not len(second):
            continue
        order = np.sort(scores[first]), np.sort(scores[second])
        below = (np.searchsorted(order[0], scores[second]) + np.searchsorted(order[0], scores[second], "right")) / 2
        above = (
            len(second) - (np.searchsorted(order[1], scores[first]) + np.searchsorted(order[1], scores[first], "right")) / 2
        )
        share = len(first) * len(second) / n_pairs
        for rows, values in ((second, below / len(first)), (first, above / len(second))):
            inflate = np.sqrt(len(rows) / max(len(rows) - 1, 1))
            influences[rows] = share * inflate * (values - values.mean()) / len(rows)
    return influences


def _compute_null_spread(is_second: np.ndarray, folds: np.ndarray) -> float:
    """Compute the standard deviation that the area would have if scores were independent of each other, and of the sides."""
    counts = np.array([(is_second[folds == fold].sum(), (~is_second[folds == fold]).sum()) for fold in np.unique(folds)])
    pairs = counts.prod(axis=1)
    variances = pairs * (counts.sum(axis=1) + 1) / 12  # of the rank sums [Mann & Whitney 1947]
    return float(np.sqrt(variances.sum()) / pairs.sum())


def _build_interval(area: float, influences: np.ndarray, groups: np.ndarray, level: float) -> Interval:
    codes = np.unique(groups, return_inverse=True)[1]
    of_groups = np.bincount(codes, influences)
    n_groups, error = len(of_groups), float(np.sqrt((of_groups**2).sum()))
    shares = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    spread = area + error * stdtrit(max(n_groups - 2, 1), shares)
    moved = keep_in_range(np.array([area]), spread[:, None], (0.0, 1.0), n_groups=n_groups / 2)
    return compute_percentile_interval(area, moved[:, 0], level)
