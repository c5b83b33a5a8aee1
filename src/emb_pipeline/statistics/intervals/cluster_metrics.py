"""Agreement of clusters with classes, as one value per unit whose average is the metric (`intervals.pseudo_values`).

The clusters are taken as they are: what other units would have made of them is not part of a unit's influence.
"""

from __future__ import annotations

import numpy as np

from emb_pipeline.statistics.intervals.pseudo_values import PseudoValues, compute_ratio


def compute_v_measure(classes: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Pseudo-values of V-measure, the harmonic mean of homogeneity and completeness.

    It is ``2 MI / (H(class) + H(cluster))``. An entropy is the mean of ``-log p`` of each unit's own class, to first order
    too, so that V is a ratio of sums.

    Parameters
    ----------
    classes, clusters : ndarray of shape (n_units,)
        Codes of the class and of the cluster of each unit.

    Returns
    -------
    ndarray of shape (n_units,)
        Their mean is V; 1 throughout where there is one class and one cluster.

    References
    ----------
    .. [1] Rosenberg & Hirschberg (2007), V-measure: a conditional entropy-based external cluster evaluation measure, EMNLP.
    """
    of_class, of_cluster, of_both = (-np.log(share) for share in _find_shares(classes, clusters))
    denominator = of_class + of_cluster
    if denominator.sum() <= 1e-12:
        return PseudoValues.keep_within(np.ones(len(denominator)), (0.0, 1.0))
    return PseudoValues.keep_within(compute_ratio(2 * (denominator - of_both), denominator), (0.0, 1.0))


def compute_adjusted_rand(classes: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Pseudo-values of the adjusted Rand index: agreement on pairs of units, 0 by chance.

    With A, B and C the sums of the squared shares of (class, cluster), class and cluster, it is
    ``(A - BC) / ((B + C) / 2 - BC)`` up to a term of 1 / n. Another unit of share p moves a sum S of squares by 2 (p - S).

    Parameters
    ----------
    classes, clusters : ndarray of shape (n_units,)
        Codes of the class and of the cluster of each unit.

    Returns
    -------
    ndarray of shape (n_units,)
        Their mean is the index; 1 throughout where both are one group, or each unit is one.

    References
    ----------
    .. [1] Hubert & Arabie (1985), Comparing partitions, Journal of Classification 2.
    """
    n, shares = len(classes), _find_shares(classes, clusters)
    pairs = [float((n * n * share.mean() - n) / 2) for share in shares]
    b, c, a = (pairs[0], pairs[1], pairs[2])
    expected, largest = b * c / (n * (n - 1) / 2), (b + c) / 2
    if largest - expected <= 1e-12:
        return PseudoValues.keep_within(np.ones(n), (-1.0, 1.0))
    value = (a - expected) / (largest - expected)
    squares = [share.mean() for share in shares]
    moves = [2 * (share - square) for share, square in zip(shares, squares, strict=True)]
    below = (squares[0] + squares[1]) / 2 - squares[0] * squares[1]
    of_product = moves[0] * squares[1] + squares[0] * moves[1]
    influence = (moves[2] - of_product - value * ((moves[0] + moves[1]) / 2 - of_product)) / below
    return PseudoValues.keep_within(value + influence - influence.mean(), (-1.0, 1.0))


def _find_shares(classes: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the share of all units that are of each unit's class, of its cluster, and of both."""
    both = np.column_stack([classes, clusters])
    found = []
    for codes, axis in ((classes, None), (clusters, None), (both, 0)):
        _, code, sizes = np.unique(codes, axis=axis, return_inverse=True, return_counts=True)
        found.append(sizes[code.ravel()] / len(classes))
    return found[0], found[1], found[2]
