"""The level of a decision among the embeddings that remain, as strict as one among all that were compared."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

_CORRELATION = 0.5
"""Of two differences to the same embedding, where all scores vary alike (Dunnett 1955)."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(64)


def find_level(level: float, n_remaining: int, n_embeddings: int) -> float:
    """Find the level at which few comparisons with one embedding have the critical value of many at ``level``.

    What was dropped was compared, too. A decision among what remains that forgot it would show more to be not inferior than
    the full grid does, and so could choose another.

    Parameters
    ----------
    level : float
        Of the decision among all.
    n_remaining, n_embeddings : int
        Embeddings that remain, and that there were.

    References
    ----------
    .. [1] Dunnett (1955), A multiple comparison procedure for comparing several treatments with a control, JASA 50(272).
    """
    few, many = max(n_remaining - 1, 1), max(n_embeddings - 1, 1)
    if few >= many:
        return level
    critical = brentq(lambda value: _exceed(value, many) - level, -10.0, 10.0)
    return _exceed(critical, few)


def _exceed(critical: float, n: int) -> float:
    """Probability that the largest of n standard normal values, each two correlated, exceeds a critical value."""
    below = ndtr((critical - np.sqrt(_CORRELATION) * _NODES) / np.sqrt(1 - _CORRELATION))
    return float(1 - (below**n * _WEIGHTS).sum() / _WEIGHTS.sum())
