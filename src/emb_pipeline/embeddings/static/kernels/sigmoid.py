"""The logistic function and its logarithm, from tables."""

from __future__ import annotations

import numba as nb
import numpy as np

_SIZE, _LARGEST = 4096, 8.0
_points = (np.arange(_SIZE) + 0.5) / _SIZE * 2 * _LARGEST - _LARGEST
SIGMOID = (1 / (1 + np.exp(-_points))).astype(np.float32)
"""1 / (1 + exp(-x)) at each place, from -8 to 8; beyond, the ends hold."""
LOG_SIGMOID = (-np.log1p(np.exp(-_points))).astype(np.float32)
"""Its logarithm; that of 1 minus it is at the place counted from the end."""
_SCALE = np.float32(_SIZE / (2 * _LARGEST))
_MIDDLE = np.float32(_SIZE / 2)


@nb.njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def place_of(x):  # type: ignore[no-untyped-def]
    """Where the table holds x."""
    return min(max(np.int64(x * _SCALE + _MIDDLE), 0), _SIZE - 1)
