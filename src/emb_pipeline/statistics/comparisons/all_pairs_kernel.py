"""The inner loop of `all_pairs`, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"}, error_model="numpy")  # type: ignore[untyped-decorator]
def find_largest_squares(
    means: np.ndarray,
    below: np.ndarray,
    moved: np.ndarray,
    ratios: np.ndarray,
    scales: np.ndarray,
    variances: np.ndarray,
    luck: np.ndarray,
    weights: np.ndarray,
    freedom: np.ndarray,
    many: float,
) -> np.ndarray:
    """Find the square of the largest statistic of each flip, on a normal scale where a pair has few degrees of freedom.

    ``below``, ``moved``, ``ratios`` and ``scales`` are empty where scores are means; ``freedom`` where all are many.
    """
    n_flips, n = means.shape
    is_ratio, is_few = ratios.shape[0] > 0, freedom.shape[0] > 0
    n_draws, n_rows = luck.shape[0], luck.shape[1]
    variance, square = np.empty(n, dtype=np.float32), np.empty(n, dtype=np.float32)
    found = np.zeros(n_flips, dtype=np.float32)
    for flip in range(n_flips):
        row, largest = flip % n_rows, np.float32(0.0)
        own = means[flip]
        for a in range(n - 1):
            for b in range(a + 1, n):
                variance[b] = variances[a, b]
            for draw in range(n_draws):
                others, weight = luck[draw, row], weights[draw]
                here = others[a]
                for b in range(a + 1, n):
                    variance[b] += weight * (here - others[b]) * (here - others[b])
            mean = own[a]
            if is_ratio:
                lower, shift = below[flip, a], moved[flip, a]
                for b in range(a + 1, n):
                    difference = (mean - own[b] - ratios[a, b] * (lower - below[flip, b])) * scales[a, b]
                    difference += shift - moved[flip, b]
                    square[b] = difference * difference / variance[b]
            else:
                for b in range(a + 1, n):
                    difference = mean - own[b]
                    square[b] = difference * difference / variance[b]
            highest = np.float32(0.0)
            for b in range(a + 1, n):
                highest = max(highest, square[b])
            if highest <= largest:
                continue
            if not is_few:
                largest = highest
                continue
            for b in range(a + 1, n):
                if square[b] > largest:
                    value, number = square[b], freedom[a, b]
                    if number < many:
                        factor = (8 * number + 1) / (8 * number + 3)
                        value = np.float32(factor * factor * number * np.log1p(square[b] / number))
                    largest = max(largest, value)
        found[flip] = largest
    return found
