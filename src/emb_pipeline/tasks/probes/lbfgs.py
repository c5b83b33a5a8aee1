"""Limited-memory BFGS that stays in float32.

SciPy's works in float64: for sparse text, whose products are cheap, most of the time went into its vectors.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from scipy.linalg.blas import saxpy

Point = TypeVar("Point")
Objective = Callable[[np.ndarray], tuple[float, np.ndarray, Point]]
_Pair = tuple[np.ndarray, np.ndarray, float]


class Minimum(NamedTuple, Generic[Point]):
    """Where the search ended, what the objective made there, after how many iterations, and whether by its tolerance."""

    x: np.ndarray
    point: Point
    iterations: int
    converged: bool


def minimise(
    objective: Objective[Point],
    start: np.ndarray,
    at_start: tuple[float, np.ndarray, Point] | None = None,
    *,
    tolerance: float,
    max_iterations: int,
    memory: int = 6,
) -> Minimum[Point]:
    """Find the minimum of a smooth convex function whose curvature is roughly 1 in every direction.

    Two-loop recursion and backtracking line search [1]_. For a convex function each accepted step has positive
    curvature, so that no Wolfe condition is needed.

    Parameters
    ----------
    objective : callable
        Value and gradient (a new float32 array) at a point, and whatever else it made there: the minimum's is given back.
    start : ndarray of shape (n,), float32
        Where to start.
    at_start : tuple, optional
        What the objective gives there, where it is known.
    tolerance : float
        Stop after an iteration that lowers the value by less than this part of it.
    max_iterations : int
        Stop there in any case.
    memory : int
        Pairs of steps and gradient changes that are kept.

    Returns
    -------
    Minimum

    References
    ----------
    .. [1] Nocedal & Wright (2006), Numerical Optimization, algorithms 7.4 and 3.1.
    """
    x, (value, gradient, point) = start, at_start or objective(start)
    pairs: deque[_Pair] = deque(maxlen=memory)
    for iteration in range(1, max_iterations + 1):
        direction = _compute_direction(gradient, pairs)
        slope = float(gradient @ direction)
        if slope >= 0:
            return Minimum(x, point, iteration, True)
        length = 1.0
        while True:
            new_x = x + np.float32(length) * direction
            new_value, new_gradient, new_point = objective(new_x)
            if new_value <= value + 1e-4 * length * slope:
                break
            excess = new_value - value - length * slope
            length *= min(max(-slope * length / (2 * excess), 0.1), 0.5)
            if length < 1e-6:  # the rest is rounding
                return Minimum(x, point, iteration, True)
        step, change = new_x - x, new_gradient - gradient
        curvature = float(step @ change)
        if curvature > 1e-7 * float(change @ change):
            pairs.append((step, change, curvature))
        gain = value - new_value
        x, value, gradient, point = new_x, new_value, new_gradient, new_point
        if gain <= tolerance * abs(value) and iteration > 2:  # the first steps know little of the curvature
            return Minimum(x, point, iteration, True)
    return Minimum(x, point, max_iterations, False)


def _compute_direction(gradient: np.ndarray, pairs: deque[_Pair]) -> np.ndarray:
    direction = -gradient
    weights = []
    for step, change, curvature in reversed(pairs):
        weight = step @ direction / curvature
        direction = saxpy(change, direction, a=-weight)  # in place
        weights.append(weight)
    if pairs:
        _, change, curvature = pairs[-1]
        direction *= np.float32(curvature / float(change @ change))
    for (step, change, curvature), weight in zip(pairs, reversed(weights), strict=True):
        direction = saxpy(step, direction, a=weight - change @ direction / curvature)
    return direction
