"""What a test set of this size can see at all."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

POWER = 0.8
"""Share of cases in which a true difference is to be found; the usual choice (Cohen 1988)."""


def smallest_detectable_difference(standard_error: np.ndarray, level: float = 0.05, power: float = POWER) -> np.ndarray:
    """The true difference that a single two-sided test finds in this share of cases.

    ``(z(1 - level / 2) + z(power)) * standard error``. It is for one test: among many comparisons more is needed.

    Parameters
    ----------
    standard_error : ndarray
        Of the difference of two systems on the same units; of a bootstrap, that of its resamples, groups and all.
    level, power : float
        Error rate of the test, and the share of cases.

    References
    ----------
    .. [1] Card et al. (2020), With little power comes great responsibility, EMNLP.
    """
    return np.asarray((norm.ppf(1 - level / 2) + norm.ppf(power)) * np.asarray(standard_error))
