"""Gain from twice as many labels: curves of several families that fit a learning curve, weighed and extrapolated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import chdtrc, log_ndtr, ndtri

FEWEST_COUNTS = 4
FIT_LEVEL, HELD_OUT_LEVEL = 0.02, 0.02
"""Below these p nothing is said: no family fits the points, or the others do not foretell the last one."""
_EXPONENTS = np.geomspace(0.05, 2.0, 24)
_KNEES = 10
_POWER_LAWS = 0.5
"""Prior probability of the plain power law; the other families share the rest."""
_TINY = 1e-9
_SPREADS, _DRAWN = 20, 2000


@dataclass(frozen=True, eq=False)
class CurvePoints:
    """A learning curve and its errors.

    Attributes
    ----------
    counts, values : ndarray of shape (n_counts,)
        Labels, ascending, and scores.
    of_units : ndarray of shape (n_counts, n_counts)
        Covariance of the scores over test units.
    of_labels, freedom : ndarray of shape (n_counts,)
        Variance over other labels, independent between counts, and the degrees of freedom that it is known with.
    """

    counts: np.ndarray
    values: np.ndarray
    of_units: np.ndarray
    of_labels: np.ndarray
    freedom: np.ndarray

    def take_first(self, n: int) -> CurvePoints:
        """The first n points."""
        return CurvePoints(self.counts[:n], self.values[:n], self.of_units[:n, :n], self.of_labels[:n], self.freedom[:n])


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """Gain of a learning curve from twice as many labels, or why that is not said.

    Attributes
    ----------
    gain, low, high : float
        NaN where there is a ``silence``.
    silence : str
        The reason; empty where there is none.
    fitted : ndarray of shape (n_counts,)
        The weighed curves at the counts; NaN with too few points.
    held_out, held_out_low, held_out_high : float
        The last point as the others foretell it, and where they expect it to be measured.
    """

    gain: float
    low: float
    high: float
    silence: str
    fitted: np.ndarray
    held_out: float = float("nan")
    held_out_low: float = float("nan")
    held_out_high: float = float("nan")


def extrapolate(points: CurvePoints, *, highest: float, level: float, rng: np.random.Generator) -> Extrapolation:
    """Estimate what twice as many labels as the most would bring.

    Four families are considered at once: power laws, power laws that set in late, logistic curves in log n, and Weibull
    curves [1]_. Each of some 740 shapes is scaled to the points by generalized least squares. Its weight is its marginal
    likelihood, half of the prior being on plain power laws: so the interval holds what the points leave open between shapes
    (model averaging [2]_). Variances that few draws know are drawn from their distribution, which gives the interval the
    tails of a t distribution.

    The last point is held out as a check: the same curves, fitted to the others, foretell it. Where it is further away than
    one standard error of that forecast, the interval is widened by as many times. Nothing is said where it is so far away as
    2 % of forecasts are, or where no shape fits the points.

    Parameters
    ----------
    points : CurvePoints
        Four or more, or there is nothing that says how a curve levels off.
    highest : float
        The metric's largest value, which no extrapolation passes.
    level : float
        Of the interval, .95 say.
    rng : Generator
        Source of the draws.

    References
    ----------
    .. [1] Viering & Loog (2022), The shape of learning curves: a review, IEEE TPAMI 45(6): POW3, POW4, MMF4, WBL4.
    .. [2] Hoeting, Madigan, Raftery & Volinsky (1999), Bayesian model averaging: a tutorial, Statistical Science 14(4).
    """
    n = len(points.counts)
    unfitted = np.full(n, np.nan)
    if n < FEWEST_COUNTS:
        return explain_silence(f"a curve of {n} numbers of labels is too short, {FEWEST_COUNTS} are needed", unfitted)
    if not np.isfinite(points.freedom).all():
        return explain_silence("the luck of the labels is not known at each number of them: that takes two draws", unfitted)
    foretold = _Fit(points.take_first(n - 1), float(points.counts[-1]), highest, rng).draw_measured(points, rng)
    if not len(foretold):
        return explain_silence("no family of curves stays in the metric's range", unfitted)
    tail = 50 * (1 - level)
    check = tuple(float(each) for each in np.percentile(foretold, [50, tail, 100 - tail]))
    last = points.values[-1]
    p = max(2 * min((foretold >= last).mean(), (foretold <= last).mean()), 1 / len(foretold))
    fit = _Fit(points, 2.0 * float(points.counts[-1]), highest, rng)
    if fit.p < FIT_LEVEL:
        return explain_silence("no family of curves fits its points", fit.fitted, *check)
    if p < HELD_OUT_LEVEL:
        return explain_silence("its last point is not where the points before it foretell", fit.fitted, *check)
    gains = fit.compute_gains()
    if not len(gains):
        return explain_silence("no family of curves stays in the metric's range", fit.fitted, *check)
    low, middle, high = np.percentile(gains, [tail, 50, 100 - tail])
    wider = max(1.0, float(-ndtri(min(p, 1.0) / 2)))
    return Extrapolation(
        float(middle),
        float(middle - wider * (middle - low)),
        float(middle + wider * (high - middle)),
        "",
        fit.fitted,
        *check,
    )


def explain_silence(reason: str, fitted: np.ndarray, *check: float) -> Extrapolation:
    """Say why no gain is given, with the weighed curves and the check of the last point as far as they are known."""
    return Extrapolation(float("nan"), float("nan"), float("nan"), reason, fitted, *check)


@cache
def _build_shapes(logs: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Curves at these log numbers, 0 at the first and 1 at the last but one, and logarithms of their prior weights."""
    x = np.array(logs)
    slopes, knees = _EXPONENTS[:, None, None], np.linspace(x[0], x[-2], _KNEES)[None, :, None]
    families = [
        -np.exp(-slopes * x),
        -np.exp(-slopes * np.logaddexp(x, knees)),
        -1 / (1 + np.exp(slopes * (x - knees))),
        -np.exp(-np.exp(slopes * (x - knees))),
    ]
    shares = [_POWER_LAWS, *[(1 - _POWER_LAWS) / 3] * 3]
    rows = [family.reshape(-1, len(x)) for family in families]
    shapes = np.vstack(rows)
    first, last = shapes[:, :1], shapes[:, -2:-1]
    weights = np.concatenate([np.full(len(own), share / len(own)) for own, share in zip(rows, shares, strict=True)])
    return (shapes - first) / (last - first), np.log(weights)


class _Fit:
    """Curves ``a + b * shape`` given points; a, b are normal for each shape and each draw of the variances."""

    def __init__(self, points: CurvePoints, target: float, highest: float, rng: np.random.Generator) -> None:
        n, y = len(points.counts), points.values
        logs = tuple(float(each) for each in np.log([*points.counts, target]))
        shapes, prior = _build_shapes(logs)
        self._y, self._within, self._at_target = y, shapes[:, :n], shapes[:, n]
        spread = points.of_labels * points.freedom / rng.chisquare(points.freedom, size=(_SPREADS, n)) + _TINY
        covariance = points.of_units + spread[:, :, None] * np.eye(n)
        self._inverse = np.linalg.inv(covariance)
        weighted = np.einsum("gk,rkl->rgl", self._within, self._inverse)
        one, both = self._inverse.sum(axis=(1, 2))[:, None], weighted.sum(axis=2)
        own = np.einsum("rgl,gl->rg", weighted, self._within)
        of_one, of_shape = (self._inverse @ y).sum(axis=1)[:, None], weighted @ y
        determinant = np.maximum(one * own - both**2, np.finfo(float).tiny)
        b = (one * of_shape - both * of_one) / determinant
        a = (own * of_one - both * of_shape) / determinant
        misfit = np.einsum("k,rkl,l->r", y, self._inverse, y)[:, None] - a * of_one - b * of_shape
        ahead = (own - 2 * both * self._at_target + one * self._at_target**2) / determinant
        within_range = log_ndtr((highest - a - b * self._at_target) / np.sqrt(ahead))
        logs_of_weights = prior - misfit / 2 - np.log(determinant) / 2 + within_range
        logs_of_weights += np.linalg.slogdet(self._inverse)[1][:, None] / 2
        weights = np.exp(logs_of_weights - logs_of_weights.max())
        weights /= weights.sum()
        self.p = float(chdtrc(max(n - 3, 1), misfit.min(axis=1)).mean())
        """Of the misfit of the nearest shape."""
        self.fitted = np.asarray((weights * a).sum() + np.einsum("rg,rg,gk->k", weights, b, self._within))
        chosen = rng.choice(weights.size, size=_DRAWN, p=weights.ravel())
        r, g = np.divmod(chosen, len(shapes))
        drawn_b = b[r, g] + np.sqrt(one[r, 0] / determinant[r, g]) * rng.standard_normal(_DRAWN)
        drawn_a = a[r, g] - both[r, g] / one[r, 0] * (drawn_b - b[r, g])
        drawn_a += rng.standard_normal(_DRAWN) / np.sqrt(one[r, 0])
        kept = drawn_a + drawn_b * self._at_target[g] <= highest
        self._r, self._g, self._a, self._b = r[kept], g[kept], drawn_a[kept], drawn_b[kept]

    def compute_gains(self) -> np.ndarray:
        """Draws of the value at the target, less that at the last point."""
        return np.asarray(self._b * (self._at_target[self._g] - 1.0))

    def draw_measured(self, points: CurvePoints, rng: np.random.Generator) -> np.ndarray:
        """Draws of what is measured at the target, which is the last of these points: it shares its test units with them."""
        residuals = self._y - self._a[:, None] - self._b[:, None] * self._within[self._g]
        shared = (self._inverse @ points.of_units[-1, :-1])[self._r]
        of_units = np.maximum(points.of_units[-1, -1] - shared @ points.of_units[-1, :-1], 0)
        of_labels = points.of_labels[-1] * points.freedom[-1] / rng.chisquare(points.freedom[-1], size=len(shared))
        noise = np.sqrt(of_units + of_labels) * rng.standard_normal(len(shared))
        return np.asarray(self._a + self._b * self._at_target[self._g] + (shared * residuals).sum(axis=1) + noise)
