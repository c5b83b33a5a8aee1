"""The threshold from which on a pair is called positive, chosen on training pairs."""

from __future__ import annotations

import numpy as np


def choose_thresholds(scores: np.ndarray, is_positive: np.ndarray) -> tuple[float, float]:
    """Choose the thresholds of the highest accuracy and of the highest F1.

    All cuts between different scores are tried, and the two that call all pairs positive, or none. Of equally good ones it
    is that which calls the fewest pairs positive.

    Parameters
    ----------
    scores : ndarray of shape (n_pairs,)
        Higher for pairs that are more alike.
    is_positive : ndarray of shape (n_pairs,), bool
        The labels.

    Returns
    -------
    of_accuracy, of_f1 : float
        A pair is called positive from this score on.

    Examples
    --------
    >>> choose_thresholds(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, False, True, False]))
    (0.8500000000000001, 0.15000000000000002)
    """
    order = np.argsort(-scores, kind="stable")
    sorted_scores, found = scores[order], np.cumsum(is_positive[order])
    ends = np.flatnonzero(np.append(np.diff(sorted_scores) != 0, True))
    called = np.concatenate([[0], ends + 1])
    hits = np.concatenate([[0], found[ends]])
    n_positive = int(found[-1])
    middles = (sorted_scores[ends[:-1]] + sorted_scores[ends[:-1] + 1]) / 2
    cuts = np.concatenate([[np.inf], middles, [-np.inf]])
    accuracy = 2 * hits - called
    f1 = 2 * hits / np.maximum(called + n_positive, 1)
    return float(cuts[accuracy.argmax()]), float(cuts[f1.argmax()])
