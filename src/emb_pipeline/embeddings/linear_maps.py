"""Linear maps from the vectors of one embedding to those of another one, learnt from texts that both encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.linalg import svd

MapName: TypeAlias = Literal["procrustes", "ridge"]
MAPS: tuple[MapName, ...] = ("procrustes", "ridge")
PENALTIES = tuple(10.0**power for power in range(-4, 5))
"""Ridge penalties that are tried, in units of the mean variance of a source dimension times the number of pairs."""


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A map ``(x - source_mean) weights + target_mean``.

    Attributes
    ----------
    weights : ndarray of shape (source_dim, target_dim)
    source_mean : ndarray of shape (source_dim,)
    target_mean : ndarray of shape (target_dim,)
    """

    weights: np.ndarray
    source_mean: np.ndarray
    target_mean: np.ndarray

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """Map vectors: shape (n, target_dim), float32."""
        return np.asarray((vectors - self.source_mean) @ self.weights + self.target_mean, dtype=np.float32)


def fit_map(name: MapName, source: np.ndarray, target: np.ndarray) -> LinearMap:
    """Fit a map by its name: see `fit_procrustes` and `fit_ridge`."""
    return {"procrustes": fit_procrustes, "ridge": fit_ridge}[name](source, target)


def fit_procrustes(source: np.ndarray, target: np.ndarray) -> LinearMap:
    """Fit a rotation with one factor for the length of all vectors, after means are taken away.

    It changes no angle between two centered vectors. Where the dimensions differ, its rows or columns are orthonormal.

    Parameters
    ----------
    source, target : ndarray of shape (n_pairs, dim)
        Vectors of the same texts; the dimensions may differ.

    Raises
    ------
    ValueError
        The numbers of vectors differ, or are below two.

    References
    ----------
    .. [1] Schönemann (1966), A generalized solution of the orthogonal Procrustes problem, Psychometrika 31(1).
    """
    (x, x_mean), (y, y_mean) = _center_pairs(source, target)
    left, values, right = svd(x.T @ y, full_matrices=False)
    spread = float((x**2).sum())
    scale = values.sum() / spread if spread > 0 else 1.0
    return LinearMap(scale * left @ right, x_mean, y_mean)


def fit_ridge(source: np.ndarray, target: np.ndarray) -> LinearMap:
    """Fit a ridge regression of each target dimension; the penalty has the least squared error of leaving one pair out.

    One penalty for all dimensions, of `PENALTIES`. The errors of leaving one out are exact and need no second fit [1]_.

    Parameters
    ----------
    source, target : ndarray of shape (n_pairs, dim)
        Vectors of the same texts; the dimensions may differ.

    Raises
    ------
    ValueError
        The numbers of vectors differ, or are below two.

    References
    ----------
    .. [1] Golub, Heath & Wahba (1979), Generalized cross-validation as a method for choosing a good ridge parameter,
       Technometrics 21(2).
    """
    (x, x_mean), (y, y_mean) = _center_pairs(source, target)
    left, values, right = svd(x, full_matrices=False)
    turned, unit = left.T @ y, float((values**2).sum() / max(x.shape[1], 1)) or 1.0
    best, least = np.zeros(len(values)), np.inf
    for penalty in PENALTIES:
        shrunk = values**2 / (values**2 + penalty * unit)
        leverage = (left**2 * shrunk).sum(axis=1) + 1 / len(x)
        left_out = (y - (left * shrunk) @ turned) / np.maximum(1 - leverage, 1e-6)[:, None]
        error = float((left_out**2).sum())
        if error < least:
            best, least = values / (values**2 + penalty * unit), error
    return LinearMap(right.T @ (best[:, None] * turned), x_mean, y_mean)


def _center_pairs(
    source: np.ndarray, target: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    if len(source) != len(target):
        raise ValueError(f"{len(source)} vectors to map, and {len(target)} to map them to")
    if len(source) < 2:
        raise ValueError(f"{len(source)} pair(s) of vectors: at least two are needed")
    centered = []
    for vectors in (source, target):
        exact = np.asarray(vectors, dtype=np.float64)
        mean = exact.mean(axis=0)
        centered.append((exact - mean, mean))
    return centered[0], centered[1]
