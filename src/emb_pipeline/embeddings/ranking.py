"""The best of many scores."""

from __future__ import annotations

import numpy as np


def largest(scores: np.ndarray, k: int) -> np.ndarray:
    """Columns of the ``k`` largest scores of each row, best first; of equal ones the first column: shape (n_rows, k)."""
    n_rows, n_columns = scores.shape
    smallest_kept = -np.partition(-scores, k - 1, axis=1)[:, k - 1] if k < n_columns else scores.min(axis=1)
    found = np.empty((n_rows, k), dtype=np.int64)
    for row in range(n_rows):
        above = np.flatnonzero(scores[row] > smallest_kept[row])
        above = above[np.argsort(-scores[row, above], kind="stable")]
        found[row, : len(above)] = above
        if len(above) < k:
            found[row, len(above) :] = np.flatnonzero(scores[row] == smallest_kept[row])[: k - len(above)]
    return found
