"""Metrics that are no means, as means: one value per unit whose average is the metric.

A correlation over all pairs, or an F1 over all entities, has no score per unit, so nothing to resample or to flip the sign
of. Its influence function has: u_i = metric + (what unit i adds to it, to first order). The mean of u is the metric itself,
and the bootstrap and the sign-flip test of u are those of the metric by the delta method (infinitesimal jackknife, Efron &
Tibshirani 1993, ch. 21).
"""

from __future__ import annotations

from typing import Any

import numpy as np

UNBOUNDED = (-np.inf, np.inf)


class PseudoValues(np.ndarray[Any, np.dtype[np.float64]]):
    """Pseudo-values that know the range of the metric that they average to.

    Views and parts of them know it, too; what is calculated from them is a plain array.
    """

    bounds: tuple[float, float] = UNBOUNDED

    @classmethod
    def keep_within(cls, values: np.ndarray, bounds: tuple[float, float]) -> PseudoValues:
        """Say which range the mean of some values cannot leave."""
        made = np.asarray(values, dtype=np.float64).view(cls)
        made.bounds = bounds
        return made

    def __array_finalize__(self, other: Any) -> None:
        """Hand the range on to views."""
        self.bounds = getattr(other, "bounds", UNBOUNDED)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """Give plain numbers and arrays out of calculations."""
        return array[()] if return_scalar else np.asarray(array)


def compute_pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pseudo-values of Pearson's r.

    Parameters
    ----------
    x, y : ndarray of shape (n_units,)
        Two measurements of each unit.

    Returns
    -------
    ndarray of shape (n_units,)
        Their mean is r; 0 throughout where x or y does not vary.
    """
    return compute_correlation(np.asarray(x, dtype=np.float64)[:, None], np.asarray(y, dtype=np.float64)[:, None])


def compute_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pseudo-values of the correlation of two tables: their covariance, summed over columns, by those of each with itself.

    Of one column it is Pearson's r, of columns of 0 and 1 for classes Matthews' coefficient.

    Parameters
    ----------
    x, y : ndarray of shape (n_units, n_columns)
        Two measurements of each unit.

    Returns
    -------
    ndarray of shape (n_units,)
        Their mean is the correlation; 0 throughout where x or y does not vary.
    """
    return _compute_pseudo_values(x, y)


def compute_spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pseudo-values of Spearman's ρ, which is Pearson's r of mid-ranks.

    Another unit moves the ranks of all others too; that part of the influence is taken into account, with ties.

    Parameters
    ----------
    x, y : ndarray of shape (n_units,)
        Two measurements of each unit.

    Returns
    -------
    ndarray of shape (n_units,)
        Their mean is ρ; 0 throughout where x or y does not vary.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    f, g = _compute_mid_distribution(x)[:, None], _compute_mid_distribution(y)[:, None]
    return _compute_pseudo_values(f, g, ranked=(x, y))


def compute_ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Pseudo-values of a ratio of sums, R = ΣN / ΣD: u_i = R + (N_i - R D_i) / mean(D).

    F1 over entities is one: N = 2 tp and D = 2 tp + fp + fn of each sentence. So are precision and recall.

    Parameters
    ----------
    numerator, denominator : ndarray of shape (n_units,)
        N and D of each unit.

    Returns
    -------
    ndarray of shape (n_units,)
        Their mean is R; 0 throughout where the denominators sum to 0.

    References
    ----------
    .. [1] Cochran (1977), Sampling Techniques, 3rd ed., ch. 6: the variance of a ratio estimate by linearization.

    Examples
    --------
    >>> compute_ratio(np.array([2.0, 0.0]), np.array([2.0, 2.0])).tolist()
    [1.0, 0.0]
    """
    numerator, denominator = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    total = denominator.sum()
    if total <= 0:
        return np.zeros(len(denominator))
    ratio = numerator.sum() / total
    made = ratio + (numerator - ratio * denominator) / denominator.mean()
    is_share = bool(((numerator >= 0) & (numerator <= denominator)).all())
    return PseudoValues.keep_within(made, (0.0, 1.0) if is_share else UNBOUNDED)


def compute_root_mean(squares: np.ndarray) -> np.ndarray:
    """Pseudo-values of the root of a mean of squares, R = √mean(e²): u_i = R + (e_i² - R²) / 2R.

    Parameters
    ----------
    squares : ndarray of shape (n_units,)
        Squared error of each unit.

    Returns
    -------
    ndarray of shape (n_units,)
        Their mean is the root mean squared error; 0 throughout where there is no error.

    Examples
    --------
    >>> compute_root_mean(np.array([1.0, 7.0])).tolist()
    [1.25, 2.75]
    """
    squares = np.asarray(squares, dtype=np.float64)
    root = float(np.sqrt(squares.mean()))
    if root <= 0:
        return np.zeros(len(squares))
    return PseudoValues.keep_within(root + (squares - root**2) / (2 * root), (0.0, np.inf))


def compute_determination(squares: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Pseudo-values of R², the share of the targets' variance that predictions explain: 1 - mean(e²) / var(y).

    With A = mean(e²) and B = var(y): u_i = R² - (e_i² - A) / B + A ((y_i - ȳ)² - B) / B². How a unit moves ȳ does not
    matter to first order.

    Parameters
    ----------
    squares, targets : ndarray of shape (n_units,)
        Squared error and right value of each unit.

    Returns
    -------
    ndarray of shape (n_units,)
        Their mean is R²; 0 throughout where the targets do not vary.
    """
    squares, targets = np.asarray(squares, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    spread = np.square(targets - targets.mean())
    error, variance = squares.mean(), spread.mean()
    if variance <= 0:
        return np.zeros(len(targets))
    influence = (error * (spread - variance) / variance - (squares - error)) / variance
    return PseudoValues.keep_within(1 - error / variance + influence, (-np.inf, 1.0))


def recover_numerators(values: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    """Recover each unit's part in a ratio's numerator, from its pseudo-values (`compute_ratio`) and its denominator.

    Parameters
    ----------
    values, denominators : ndarray of shape (n_units, n_systems)

    Returns
    -------
    ndarray of shape (n_units, n_systems)

    Examples
    --------
    >>> recover_numerators(np.array([[1.0], [0.0]]), np.array([[2.0], [2.0]])).ravel().tolist()
    [2.0, 0.0]
    """
    values, denominators = np.asarray(values, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    ratios = values.mean(axis=0)
    return np.asarray((values - ratios) * denominators.mean(axis=0) + ratios * denominators)


def compute_coverage(lists: np.ndarray, n_items: int) -> np.ndarray:
    """Pseudo-values of the share of items that are on some unit's list: C + (d_u - mean(d)).

    d_u = (n - 1) (items on the list of u alone) / n_items is the jackknife's: what the coverage loses without u. Its
    variance is at least that of the coverage, on average [1]_, so intervals are rather too wide than too narrow.

    Parameters
    ----------
    lists : ndarray of shape (n_units, k), int
        Items of each unit; below 0: no item.
    n_items : int
        How many there are.

    Returns
    -------
    ndarray of shape (n_units,)
        Their mean is the coverage.

    References
    ----------
    .. [1] Efron & Stein (1981), The jackknife estimate of variance, Annals of Statistics 9(3).
    """
    units = np.repeat(np.arange(len(lists)), lists.shape[1])
    pairs = np.unique(np.column_stack([units, lists.ravel()])[lists.ravel() >= 0], axis=0)
    n_lists = np.bincount(pairs[:, 1], minlength=n_items)
    alone = np.bincount(pairs[n_lists[pairs[:, 1]] == 1, 0], minlength=len(lists))
    influence = (len(lists) - 1) * alone / n_items
    return PseudoValues.keep_within((n_lists > 0).mean() + influence - influence.mean(), (0.0, 1.0))


def _compute_pseudo_values(f: np.ndarray, g: np.ndarray, ranked: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    f, g = f - f.mean(axis=0), g - g.mean(axis=0)
    of_covariance, of_f, of_g = ((one * other).sum(axis=1) for one, other in ((f, g), (f, f), (g, g)))
    covariance, variance_f, variance_g = of_covariance.mean(), of_f.mean(), of_g.mean()
    if min(variance_f, variance_g) <= 1e-15:
        return np.zeros(len(f))
    scale = np.sqrt(variance_f * variance_g)
    r = covariance / scale
    of_covariance, of_f, of_g = of_covariance - covariance, of_f - variance_f, of_g - variance_g
    if ranked is not None:
        x, y = ranked
        of_covariance += _shift(x, g[:, 0]) + _shift(y, f[:, 0])
        of_f += 2 * _shift(x, f[:, 0])
        of_g += 2 * _shift(y, g[:, 0])
    influence = of_covariance / scale - r / 2 * (of_f / variance_f + of_g / variance_g)
    return PseudoValues.keep_within(r + influence - influence.mean(), (-1.0, 1.0))


def _compute_mid_distribution(x: np.ndarray) -> np.ndarray:
    """Share of the units below each one, and half of those that are equal to it."""
    _, group, sizes = np.unique(x, return_inverse=True, return_counts=True)
    below = np.cumsum(sizes) - sizes
    shares: np.ndarray = (below[group] + sizes[group] / 2) / len(x)
    return shares


def _shift(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Find what another unit at each x does to the mean of ``weight`` times the others' mid-distribution."""
    _, group = np.unique(x, return_inverse=True)
    sums = np.bincount(group, weights=weight)
    above = sums[::-1].cumsum()[::-1] - sums
    moved = (above + sums / 2)[group] / len(x)
    made: np.ndarray = moved - (_compute_mid_distribution(x) * weight).mean()
    return made
