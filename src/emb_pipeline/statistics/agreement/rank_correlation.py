"""Kendall's tau between the orders that two tasks put embeddings in, with an interval that holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from emb_pipeline.statistics.resampling import draw_multinomial_counts

_ROUNDING = 1e-12


@dataclass(frozen=True)
class RankAgreement:
    """Kendall's tau of the mean scores of embeddings on two tasks.

    Attributes
    ----------
    tau, low, high : float
        Pairs in the same order minus pairs in the other one, by all pairs; and its interval.
    n_pairs : int
        Pairs of embeddings.
    n_decided : int
        Pairs whose order both tasks decide: significantly different on each, all pairs of both tasks tested together.
    n_agreeing : int
        Those of them that have the same order on both.
    """

    tau: float
    low: float
    high: float
    n_pairs: int
    n_decided: int
    n_agreeing: int


def estimate_rank_agreement(
    made: np.ndarray, real: np.ndarray, *, n_resamples: int, level: float, rng: np.random.Generator
) -> RankAgreement:
    """Estimate Kendall's tau between the population means of embeddings on two tasks, with an interval.

    The bootstrap's own quantiles of tau are no interval. Noise in the means pulls every resampled tau towards 0: with 50
    real queries the quantiles covered the true value in 0 to 84 % of samples. Instead the bootstrap over the units of both
    tasks gives simultaneous intervals of the differences of all pairs, step by step [1]_. A pair whose interval leaves 0
    out, on both tasks, has a known order; any other may have either. The interval of tau goes over all that is possible
    then. Its coverage is ``1 - level`` or more: tau is a step function, which no interval covers exactly.

    Parameters
    ----------
    made, real : ndarray of shape (n_made, n_embeddings) and (n_real, n_embeddings)
        Scores of the same embeddings on the units of each task, which are resampled independently.
    n_resamples : int
        Bootstrap resamples of each.
    level : float
        Error rate.
    rng : Generator
        Source of the resamples.

    Returns
    -------
    RankAgreement

    Raises
    ------
    ValueError
        The tasks have other numbers of embeddings, or fewer than two of them or of units.

    References
    ----------
    .. [1] Romano & Wolf (2005), Exact and approximate stepdown methods for multiple hypothesis testing, JASA.
    """
    if made.shape[1] != real.shape[1] or min(made.shape[1], len(made), len(real)) < 2:
        raise ValueError(f"scores of shapes {made.shape} and {real.shape} cannot be compared")
    first, second = np.triu_indices(made.shape[1], 1)
    tasks = [_studentize(scores, first, second, n_resamples, rng) for scores in (made, real)]
    is_decided = _step_down(
        np.concatenate([np.abs(task.studentized) for task in tasks]),
        np.concatenate([task.resampled for task in tasks], axis=1),
        level,
    ).reshape(2, -1)
    signs = np.array([np.sign(task.means) for task in tasks])
    products = signs.prod(axis=0)
    n_pairs = len(first)
    both = is_decided.all(axis=0)
    agreeing, n_open = float(products[both].sum()), int((~both).sum())
    return RankAgreement(
        float(products.mean()),
        (agreeing - n_open) / n_pairs,
        (agreeing + n_open) / n_pairs,
        n_pairs,
        int(both.sum()),
        int((products[both] > 0).sum()),
    )


class _Differences(NamedTuple):
    """Differences of all pairs of embeddings on one task: their means, in standard errors, and so of resamples."""

    means: np.ndarray
    studentized: np.ndarray
    resampled: np.ndarray


def _studentize(
    scores: np.ndarray, first: np.ndarray, second: np.ndarray, n_resamples: int, rng: np.random.Generator
) -> _Differences:
    differences = scores[:, first] - scores[:, second]
    n_units = len(differences)
    means, errors = differences.mean(axis=0), differences.std(axis=0, ddof=1) / np.sqrt(n_units)
    squares = differences**2
    resampled = []
    for counts in draw_multinomial_counts(n_units, n_resamples, rng):
        drawn = counts @ differences / n_units
        variances = (counts @ squares / n_units - drawn**2) * n_units / (n_units - 1)
        own_errors = np.sqrt(np.maximum(variances, 0) / n_units)
        resampled.append(np.abs(_divide(drawn - means, own_errors)))
    return _Differences(means, _divide(means, errors), np.concatenate(resampled))


def _divide(values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Divide by standard errors; what does not vary differs by nothing, or beyond doubt."""
    varies = errors > _ROUNDING
    beyond_doubt = np.where(np.abs(values) > _ROUNDING, np.sign(values) / _ROUNDING, 0.0)
    return np.asarray(np.where(varies, values / np.where(varies, errors, 1.0), beyond_doubt))


def _step_down(studentized: np.ndarray, resampled: np.ndarray, level: float) -> np.ndarray:
    """Say which differences are not 0, with a family-wise error rate of ``level``."""
    is_decided = np.zeros(len(studentized), dtype=bool)
    while not is_decided.all():
        largest = resampled[:, ~is_decided].max(axis=1)
        new = ~is_decided & (studentized > np.quantile(largest, 1 - level))
        if not new.any():
            break
        is_decided |= new
    return is_decided
