"""Smallest difference that a test set of this size can show."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

POWER = 0.8
"""Share of cases in which a true difference is to be found; the usual choice (Cohen 1988)."""


def find_smallest_detectable_difference(standard_error: np.ndarray, critical: float, power: float = POWER) -> np.ndarray:
    """The true difference that a test finds in this share of cases.

    ``(critical + z(power)) * standard error``.

    Parameters
    ----------
    standard_error : ndarray
        Of the difference of two systems on the same units; of a bootstrap, that of its resamples, groups and all.
    critical : float
        What the test's normalized statistic has to exceed: 1.96 for a single test at 5 %, more where it is adjusted for
        many.
    power : float
        The share of cases.

    References
    ----------
    .. [1] Card et al. (2020), With little power comes great responsibility, EMNLP.
    """
    return np.asarray((critical + ndtri(power)) * np.asarray(standard_error))
