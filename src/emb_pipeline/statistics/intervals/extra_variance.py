"""Variance of systems' mean scores beyond that of the test units: of other training labels, or of units that depend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emb_pipeline.statistics.resampling import sum_groups


@dataclass(frozen=True, eq=False)
class ExtraVariance:
    """Covariance of systems' means that the resampling of test units does not hold.

    Attributes
    ----------
    covariance : ndarray of shape (n_systems, n_systems)
        Estimated; positive semi-definite.
    freedom : float
        Degrees of freedom of the estimate; infinite where it is known.
    """

    covariance: np.ndarray
    freedom: float

    @classmethod
    def create_zero(cls, n_systems: int) -> ExtraVariance:
        """No variance beyond that of the units."""
        return cls(np.zeros((n_systems, n_systems)), np.inf)

    @property
    def is_zero(self) -> bool:
        """Report if there is none."""
        return not self.covariance.any()

    def combine(self, weights: np.ndarray) -> ExtraVariance:
        """Covariance of linear combinations: ``weights`` has the shape (n_systems, n_combinations)."""
        return ExtraVariance(weights.T @ self.covariance @ weights, self.freedom)

    def __add__(self, other: ExtraVariance) -> ExtraVariance:
        """Add the covariance of an independent source; the degrees of freedom are Satterthwaite's, for the whole trace."""
        one, two = np.trace(self.covariance), np.trace(other.covariance)
        spread = one**2 / self.freedom + two**2 / other.freedom
        return ExtraVariance(self.covariance + other.covariance, float((one + two) ** 2 / spread) if spread > 0 else np.inf)

    def draw_deviations(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw deviations of the means: shape (n, n_systems).

        They follow a multivariate t distribution, so that intervals made of them are as wide as few degrees of freedom
        demand.
        """
        if self.is_zero:
            return np.zeros((n, len(self.covariance)))
        drawn = rng.standard_normal((n, len(self.covariance))) @ compute_root(self.covariance).T
        if np.isfinite(self.freedom):
            drawn *= np.sqrt(self.freedom / rng.chisquare(self.freedom, size=(n, 1)))
        return np.asarray(drawn)


MANY = 1e6
"""Degrees of freedom that are as good as infinite."""


def convert_to_normal_scale(squares: np.ndarray, freedom: np.ndarray | float) -> np.ndarray:
    """Bring squared t statistics to absolute values of a standard normal variable.

    Parameters
    ----------
    squares : ndarray
        Squared statistics.
    freedom : ndarray or float
        Their degrees of freedom.

    References
    ----------
    .. [1] Wallace (1959), Bounds on normal approximations to Student's and the chi-square distributions, Annals of
       Mathematical Statistics 30(4).
    """
    return np.asarray((8 * freedom + 1) / (8 * freedom + 3) * np.sqrt(freedom * np.log1p(squares / freedom)))


def convert_to_squared_t(normal: float, freedom: np.ndarray) -> np.ndarray:
    """Give the squared t statistics that `convert_to_normal_scale` brings to this value."""
    factor = (8 * freedom + 3) / (8 * freedom + 1)
    return np.asarray(freedom * np.expm1(np.square(normal * factor) / freedom))


def compute_root(covariance: np.ndarray) -> np.ndarray:
    """A square root R of a covariance, R Rᵀ; directions of negative variance are left out."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


def compute_positive_part(covariance: np.ndarray) -> np.ndarray:
    """The nearest positive semi-definite matrix (in Frobenius norm)."""
    root = compute_root(covariance)
    return np.asarray(root @ root.T)


def estimate_training_variance(draws: np.ndarray, codes: np.ndarray, n_groups: int) -> ExtraVariance:
    """Covariance of systems' mean scores over draws of the training labels.

    The mean score of a draw differs from that of another draw because other labels were learnt from, and because on
    these units the two sets of labels happen to matter in other places. The second part is in the variance over units
    already, so it is taken off.

    Parameters
    ----------
    draws : ndarray of shape (n_draws, n_units, n_systems)
        Item scores of systems that learnt from resamples of the training labels; the same resample for all systems.
    codes : ndarray of shape (n_units,), int
        Group of each unit.
    n_groups : int
        Groups.

    Returns
    -------
    ExtraVariance
        With ``n_draws - 1`` degrees of freedom.
    """
    n_draws, n_units, n_systems = draws.shape
    means = draws.mean(axis=1)
    around = means - means.mean(axis=0)
    covariance = around.T @ around / (n_draws - 1)
    center = draws.mean(axis=0)
    chance = np.zeros((n_systems, n_systems))
    for each, mean in zip(draws, around, strict=True):
        sums = sum_groups(each - center - mean, codes, n_groups)
        chance += sums.T @ sums
    chance *= n_groups / max(n_groups - 1, 1) / ((n_draws - 1) * n_units**2)
    return ExtraVariance(compute_positive_part(covariance - chance), n_draws - 1)


def fill_in(known: ExtraVariance, places: Sequence[int], n_systems: int) -> ExtraVariance:
    """The covariance of all systems, where it was estimated for some of them.

    A system without an estimate is given the mean variance of the others, and their mean covariance with each.

    Parameters
    ----------
    known : ExtraVariance
        Of the systems at these places.
    places : sequence of int
        Ascending or not.
    n_systems : int
        All systems.
    """
    if len(places) == n_systems and list(places) == list(range(n_systems)):
        return known
    n = len(places)
    covariance = known.covariance
    variance = float(np.trace(covariance)) / n
    shared = float((covariance.sum() - np.trace(covariance)) / (n * (n - 1))) if n > 1 else 0.0
    whole = np.full((n_systems, n_systems), shared)
    whole[np.diag_indices(n_systems)] = variance
    whole[np.ix_(places, places)] = covariance
    return ExtraVariance(compute_positive_part(whole), known.freedom)


def average_columns(columns: Sequence[Sequence[int]], n_systems: int) -> np.ndarray:
    """Weights that average columns: shape (n_systems, n_averages); an average of no column has none."""
    weights = np.zeros((n_systems, len(columns)))
    for place, chosen in enumerate(columns):
        weights[list(chosen), place] = 1 / max(len(chosen), 1)
    return weights
