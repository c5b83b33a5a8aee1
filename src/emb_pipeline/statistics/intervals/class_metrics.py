"""Metrics of classes, as one value per unit whose average is the metric (`intervals.pseudo_values`).

Each is held to scikit-learn's value. What a unit adds to it is its influence function, so that units are resampled, and two
systems are compared unit by unit, as by any mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from emb_pipeline.statistics.intervals.pseudo_values import PseudoValues, compute_correlation, compute_ratio

ECE_BINS = 15
"""Bins of equal width that the probability of the predicted class is sorted into [Guo et al. 2017]."""
AVERAGED_OVER_CLASSES = frozenset({"macro_f1", "balanced_accuracy", "mcc", "auroc", "auprc"})
"""Metrics to which a unit of a rare class adds more than one of a frequent class."""


def compute_accuracy(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Item scores of accuracy: 1 where the prediction is the label, else 0."""
    return np.asarray(labels == predictions, dtype=np.float64)


def compute_balanced_accuracy(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Pseudo-values of the mean recall of the classes that are labels: shape (n_units,).

    Parameters
    ----------
    labels, predictions : ndarray of shape (n_units,)
        Class codes from 0.
    """
    return _average_by_class(labels, {code: predictions == code for code in np.unique(labels).tolist()})


def compute_macro_f1(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Pseudo-values of the mean F1 of the classes that are labeled or predicted at all: shape (n_units,).

    Parameters
    ----------
    labels, predictions : ndarray of shape (n_units,)
        Class codes from 0.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    total = np.zeros(len(labels))
    codes = np.union1d(labels, predictions).tolist()
    for code in codes:
        labeled, predicted = labels == code, predictions == code
        total += compute_ratio(2.0 * (labeled & predicted), labeled * 1.0 + predicted)
    return PseudoValues.keep_within(total / len(codes), (0.0, 1.0))


def compute_mcc(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Pseudo-values of Matthews' correlation coefficient, of two or more classes: shape (n_units,).

    It is the correlation of label and prediction, each with a column of 0 and 1 per class.

    Parameters
    ----------
    labels, predictions : ndarray of shape (n_units,)
        Class codes from 0. The values are 0 throughout where only one class is labeled, or predicted.

    References
    ----------
    .. [1] Gorodkin (2004), Comparing two K-category assignments by a K-category correlation coefficient, Computational
       Biology and Chemistry 28(5-6).
    """
    codes = np.union1d(labels, predictions)
    return compute_correlation((labels[:, None] == codes) * 1.0, (predictions[:, None] == codes) * 1.0)


def compute_auroc(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Pseudo-values of the area under the ROC curve; of more than two classes the mean of one class against the rest.

    Parameters
    ----------
    labels : ndarray of shape (n_units,)
        Class codes from 0.
    scores : ndarray of shape (n_units, n_classes)
        Probabilities, or what rises with them. A class that no unit has, or every unit, is left out of the mean; where
        none is left the values are 1/2, the area of chance.
    """
    return _average_one_against_rest(labels, scores, compute_area_under_roc, of_chance=0.5)


def compute_auprc(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Pseudo-values of average precision; of more than two classes the mean of one class against the rest.

    Parameters
    ----------
    labels, scores
        As for `compute_auroc`. Of two classes the positive one is the rarer, or the last where both are as frequent.
    """
    return _average_one_against_rest(labels, scores, compute_average_precision, of_chance=0.0)


def compute_area_under_roc(is_positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Pseudo-values of the probability that a positive unit scores above a negative one; a tie is half of it.

    Parameters
    ----------
    is_positive : ndarray of shape (n_units,), bool
        At least one is, and at least one is not.
    scores : ndarray of shape (n_units,)
        Higher for units that are more likely positive.

    Returns
    -------
    ndarray of shape (n_units,)
        Of a positive unit, the share of negative ones below it; of a negative unit, the share of positive ones above it;
        each about the area and by the inverse share of its class.

    References
    ----------
    .. [1] DeLong, DeLong & Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver operating
       characteristic curves, Biometrics 44(3).
    """
    is_positive = np.asarray(is_positive, dtype=bool)
    positive, negative = np.sort(scores[is_positive]), np.sort(scores[~is_positive])
    placement = np.empty(len(scores))
    for other, chosen in ((negative, is_positive), (positive, ~is_positive)):
        own = scores[chosen]
        placement[chosen] = (np.searchsorted(other, own, "left") + np.searchsorted(other, own, "right")) / (2 * len(other))
    placement[~is_positive] = 1 - placement[~is_positive]
    area = placement[is_positive].mean()
    influence = (placement - area) * _weigh_by_class(is_positive)
    return PseudoValues.keep_within(area + influence, (0.0, 1.0))


def compute_average_precision(is_positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Pseudo-values of average precision: the mean, over positive units, of the precision down to their score.

    Parameters
    ----------
    is_positive : ndarray of shape (n_units,), bool
        At least one is.
    scores : ndarray of shape (n_units,)
        Higher for units that are more likely positive. Units of one score are one step of the curve.

    Returns
    -------
    ndarray of shape (n_units,)
        With ``Prec(t)`` and ``B(t)`` the precision and the share of units at a score of t or more, and π the share of
        positive units, the influence of a unit (s, y) is
        ``[y (Prec(s) - AP) + ∫_{t ≤ s} (y - Prec(t)) / B(t) dP(positive, t)] / π``.
    """
    is_positive = np.asarray(is_positive, dtype=bool)
    order = np.argsort(-np.asarray(scores), kind="stable")
    ends = np.flatnonzero(np.append(np.diff(np.asarray(scores)[order]) != 0, True))
    step = np.empty(len(order), dtype=np.int64)
    step[order] = np.searchsorted(ends, np.arange(len(order)))
    found, above = np.cumsum(is_positive[order])[ends], ends + 1
    precision, new = found / above, np.diff(found, prepend=0)
    value = float((new * precision).sum() / found[-1])
    rise = np.cumsum((new / above)[::-1])[::-1]
    fall = np.cumsum((new / above * precision)[::-1])[::-1]
    influence = is_positive * (precision[step] - value + rise[step]) - fall[step]
    influence *= len(order) / found[-1] * _correct_for_few(int(found[-1]))
    return PseudoValues.keep_within(value + influence - influence.mean(), (0.0, 1.0))


def compute_calibration_error(labels: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Item scores of the expected calibration error: the mean over bins of |confidence - accuracy|, weighed by their units.

    The confidence is the probability of the predicted class. In each bin the sign is that of the bin, so that the average is
    the error. Of few units it is too high, also of a calibrated probe: chance alone moves each bin away from 0.

    Parameters
    ----------
    labels : ndarray of shape (n_units,)
        Class codes from 0.
    logs : ndarray of shape (n_units, n_classes)
        Logarithms of the probabilities.

    References
    ----------
    .. [1] Guo, Pleiss, Sun & Weinberger (2017), On calibration of modern neural networks, ICML.
    """
    confidence = np.exp(logs.max(axis=1))
    gap = confidence - (logs.argmax(axis=1) == labels)
    bins = np.clip(np.ceil(confidence * ECE_BINS).astype(np.int64) - 1, 0, ECE_BINS - 1)
    signs = np.sign(np.bincount(bins, weights=gap, minlength=ECE_BINS))
    return PseudoValues.keep_within(signs[bins] * gap, (0.0, 1.0))


def compute_log_loss(labels: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Item scores of log loss in nats: minus the logarithm of the label's probability."""
    return np.asarray(-logs[np.arange(len(labels)), labels], dtype=np.float64)


OF_PREDICTIONS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "accuracy": compute_accuracy,
    "macro_f1": compute_macro_f1,
    "balanced_accuracy": compute_balanced_accuracy,
    "mcc": compute_mcc,
}
"""Functions of labels and predictions."""
OF_PROBABILITIES: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "log_loss": compute_log_loss,
    "auroc": compute_auroc,
    "auprc": compute_auprc,
    "ece": compute_calibration_error,
}
"""Functions of labels and logarithms of the classes' probabilities."""


def compute_class_metrics(names: Sequence[str], labels: np.ndarray, logs: np.ndarray) -> dict[str, np.ndarray]:
    """Compute one value per unit of each of these metrics.

    Parameters
    ----------
    names : sequence of str
        Of `OF_PREDICTIONS` or `OF_PROBABILITIES`.
    labels : ndarray of shape (n_units,)
        Class codes from 0.
    logs : ndarray of shape (n_units, n_classes)
        Logarithms of the classes' probabilities.
    """
    predictions = logs.argmax(axis=1)
    return {
        name: OF_PREDICTIONS[name](labels, predictions) if name in OF_PREDICTIONS else OF_PROBABILITIES[name](labels, logs)
        for name in names
    }


def count_units_by_class(labels: np.ndarray) -> float:
    """Effective number of units of a mean over K classes of n_k units each: ``K² / Σ 1 / n_k``, at most all units."""
    sizes = np.unique(labels, return_counts=True)[1]
    return float(len(sizes) ** 2 / (1 / sizes).sum())


def _average_by_class(labels: np.ndarray, right: Mapping[int, np.ndarray]) -> np.ndarray:
    """Average the shares of each class's units that are right."""
    value, influence = 0.0, np.zeros(len(labels))
    for code, hits in right.items():
        chosen = labels == code
        recall = hits[chosen].mean()
        value += recall / len(right)
        influence[chosen] = (hits[chosen] - recall) / len(right)
    return PseudoValues.keep_within(value + influence * _weigh_by_class(labels), (0.0, 1.0))


def _average_one_against_rest(
    labels: np.ndarray,
    scores: np.ndarray,
    compute: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    of_chance: float,
) -> np.ndarray:
    sizes = np.bincount(labels, minlength=scores.shape[1])
    usable = np.flatnonzero((sizes > 0) & (sizes < len(labels)))
    if not len(usable):
        return PseudoValues.keep_within(np.full(len(labels), of_chance), (0.0, 1.0))
    if len(sizes) == 2:
        usable = np.array([0 if sizes[0] < sizes[1] else 1])
    total = np.sum([compute(labels == code, scores[:, code]) for code in usable.tolist()], axis=0)
    return PseudoValues.keep_within(total / len(usable), (0.0, 1.0))


def _weigh_by_class(labels: np.ndarray) -> np.ndarray:
    """Inverse share of each unit's class, with the factor that makes the variance of a class of few units unbiased."""
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    weights = len(labels) / sizes * np.array([_correct_for_few(size) for size in sizes.tolist()])
    return np.asarray(weights[codes])


def _correct_for_few(n: int) -> float:
    return float(np.sqrt(n / (n - 1))) if n > 1 else 1.0
