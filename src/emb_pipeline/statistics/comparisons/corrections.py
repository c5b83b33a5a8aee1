"""Correction of p-values for their number."""

from __future__ import annotations

import numpy as np


def adjust_by_holm(p: np.ndarray) -> np.ndarray:
    """p-values that keep the probability of any false finding below the level, whatever their dependence.

    Parameters
    ----------
    p : ndarray of shape (n,)
        p-values of n hypotheses.

    Returns
    -------
    ndarray of shape (n,)
        Adjusted, none above 1.

    References
    ----------
    .. [1] Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2).
    """
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted
