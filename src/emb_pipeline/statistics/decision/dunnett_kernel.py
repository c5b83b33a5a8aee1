"""Inner loops over all pairs of many embeddings, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")  # type: ignore[untyped-decorator]
def find_largest_leads(deviations: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Find the largest standardized lead of any other embedding over each one: (n_embeddings, n_resamples).

    ``inverse``: one over the standard error of each difference, 0 where it does not vary.
    """
    n_resamples, n = deviations.shape
    found = np.empty((n, n_resamples))
    for row in range(n_resamples):
        own = deviations[row]
        for reference in range(n):
            here, largest = own[reference], -np.inf
            for other in range(reference):
                largest = max(largest, (own[other] - here) * inverse[reference, other])
            for other in range(reference + 1, n):
                largest = max(largest, (own[other] - here) * inverse[reference, other])
            found[reference, row] = largest
    return found


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def choose_first_shown(scores: np.ndarray, required: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Find the first in this order whose lead over each other one is what is required, in each row; -1 where none is.

    ``required``: row i, column j, what j must exceed i by.
    """
    n_rows, n = scores.shape
    found = np.full(n_rows, -1, dtype=np.int64)
    highest = np.empty(n_rows, dtype=np.int64)
    for row in range(n_rows):
        best = 0
        for other in range(n):
            if scores[row, other] > scores[row, best]:
                best = other
        highest[row] = best
    for row in range(n_rows):
        own, best = scores[row], highest[row]
        for j in order:
            if not own[j] - own[best] > required[best, j]:
                continue
            is_shown = True
            for other in range(n):
                if not own[j] - own[other] > required[other, j]:
                    is_shown = False
                    break
            if is_shown:
                found[row] = j
                break
    return found
