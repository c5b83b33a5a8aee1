"""Differences on real queries that are made more precise by made ones, without bias: prediction-powered inference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student


@dataclass(frozen=True)
class Differences:
    """Mean differences of some pairs of embeddings, each with its interval.

    Attributes
    ----------
    values, low, high : ndarray of shape (n_pairs,)
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Corrected(Differences):
    """Differences on real queries, corrected by made ones.

    Attributes
    ----------
    weights : ndarray of shape (n_pairs,)
        What made queries count: 0 where they say nothing about real ones.
    effective_units : ndarray of shape (n_pairs,)
        Real units that would give as narrow an interval alone.
    """

    weights: np.ndarray
    effective_units: np.ndarray


def estimate_differences(values: np.ndarray, level: float) -> Differences:
    """Estimate means with Student's intervals: values of shape (n_units, n_pairs)."""
    n_units = len(values)
    errors = values.std(axis=0, ddof=1) / np.sqrt(n_units)
    return _with_interval(values.mean(axis=0), errors, n_units - 1, level)


def estimate_shift(made: np.ndarray, real: np.ndarray, level: float) -> Differences:
    """Estimate how far differences on made queries are from those on real ones: a difference in differences.

    Parameters
    ----------
    made, real : ndarray of shape (n_made, n_pairs) and (n_real, n_pairs)
        Differences of pairs of embeddings on the units of each task, which are independent.
    level : float
        Error rate of each interval, by Welch's degrees of freedom.
    """
    parts = [values.var(axis=0, ddof=1) / len(values) for values in (made, real)]
    variance = np.maximum(parts[0] + parts[1], 1e-300)
    freedom = variance**2 / np.maximum(
        sum(part**2 / (len(values) - 1) for part, values in zip(parts, (made, real), strict=True)), 1e-300
    )
    shift = made.mean(axis=0) - real.mean(axis=0)
    return _with_interval(shift, np.sqrt(variance), np.maximum(freedom, 1.0), level)


def correct_differences(real: np.ndarray, paired: np.ndarray, others: np.ndarray, level: float) -> Corrected:
    """Estimate mean differences on real queries, with made queries of many further passages for power.

    A passage is the unit. Of ``n`` passages, both real and made queries are known; of ``N`` further ones, made ones alone.
    The estimate is the mean on real queries plus ``w`` times the difference that made queries show between further passages
    and these [1]_. The weight ``w`` minimizes the variance [2]_; that of each fifth of the passages is found by the others,
    so that it does not fit their noise. Where made queries say nothing, it is near 0 and nothing is lost.

    It is valid if the ``n`` passages are a random sample of all passages that are meant: real queries were written for
    passages that were drawn. It is not for queries that came from users, who ask of some passages more than of others.

    Parameters
    ----------
    real, paired : ndarray of shape (n, n_pairs)
        Differences on real and on made queries of the same passages, in the same order.
    others : ndarray of shape (N, n_pairs)
        Differences on made queries of further passages.
    level : float
        Error rate of each interval.

    Returns
    -------
    Corrected

    Raises
    ------
    ValueError
        ``real`` and ``paired`` are not of the same passages, fewer than ten of them or two others.

    References
    ----------
    .. [1] Angelopoulos, Bates, Fannjiang, Jordan & Zrnic (2023), Prediction-powered inference, Science.
    .. [2] Angelopoulos, Duchi & Zrnic (2023), PPI++: efficient prediction-powered inference; Boyeau et al. (2024),
       AutoEval done right, which compare models by it.
    """
    n, n_others = len(real), len(others)
    if real.shape != paired.shape or n < FEWEST_PAIRED or n_others < 2:
        raise ValueError(f"{n} passages with real queries, {len(paired)} of them with made ones, {n_others} others")
    folds = np.arange(n) % N_FOLDS
    weights = np.empty_like(real, dtype=np.float64)
    for fold in range(N_FOLDS):
        own = folds == fold
        weights[own] = _find_weight(real[~own], paired[~own], n / n_others)
    mean_weight = weights.mean(axis=0)
    residuals = real - weights * paired
    values = residuals.mean(axis=0) + mean_weight * others.mean(axis=0)
    of_real = residuals.var(axis=0, ddof=1) / n
    of_made = mean_weight**2 * others.var(axis=0, ddof=1) / n_others
    estimate = _with_interval(values, np.sqrt(of_real + of_made), n - 2, level)
    alone = real.var(axis=0, ddof=1)
    effective = np.where(of_real + of_made > 0, alone / np.maximum(of_real + of_made, 1e-300), n)
    return Corrected(estimate.values, estimate.low, estimate.high, mean_weight, effective)


N_FOLDS = 5
FEWEST_PAIRED = 10
"""Passages with real and made queries from which on a correction is estimated."""


def _find_weight(real: np.ndarray, paired: np.ndarray, ratio: float) -> np.ndarray:
    """Find the weight of least variance, from 0 to 1: shape (n_pairs,)."""
    centered = paired - paired.mean(axis=0)
    covariance = (centered * (real - real.mean(axis=0))).sum(axis=0)
    variance = (centered**2).sum(axis=0)
    weight = np.where(variance > 0, covariance / np.maximum((1 + ratio) * variance, 1e-300), 0.0)
    return np.asarray(np.clip(weight, 0.0, 1.0))


def _with_interval(values: np.ndarray, errors: np.ndarray, freedom: np.ndarray | int, level: float) -> Differences:
    half = student.ppf(1 - level / 2, freedom) * errors
    return Differences(values, values - half, values + half)
