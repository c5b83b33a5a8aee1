"""The largest statistic of all pairs of many systems under each flip of signs, without a row for each pair.

A test that is adjusted for all pairs needs the largest of their statistics and nothing else of those that no table lists.
Half a million pairs of a thousand systems are looked at in a loop, in the memory of a few matrices of systems × systems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emb_pipeline.statistics.comparisons.all_pairs_kernel import find_largest_squares
from emb_pipeline.statistics.intervals.extra_variance import MANY


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over groups of units of what the pairs are compared by.

    Attributes
    ----------
    gram : ndarray of shape (n_terms, n_terms)
        Products of the columns' sums.
    above, below : ndarray of shape (n_systems,), the latter or None
        Means of the systems' scores; of a ratio of sums, those of both parts. The columns of the second part are the
        last ``len(below)`` of all but for those that follow the systems there.
    first_below : int
        The column at which the second parts begin.
    smallest : float
        Standard error up to which two systems count as equal.
    """

    gram: np.ndarray
    above: np.ndarray
    below: np.ndarray | None
    first_below: int
    smallest: float


@dataclass(frozen=True, eq=False)
class Luck:
    """Variance beyond the units, of the systems.

    Attributes
    ----------
    root : ndarray of shape (n_directions, n_systems)
        A square root of its covariance.
    freedom : float
        Degrees of freedom of its estimate.
    """

    root: np.ndarray
    freedom: float


class AllPairs:
    """All pairs of some systems, but for those that are listed.

    Parameters
    ----------
    moments : Moments
        Of the units.
    lucks : sequence of Luck
        Sources of variance beyond them.
    listed : ndarray of shape (n_pairs, 2), int
        Pairs of systems that are left out here.
    """

    def __init__(self, moments: Moments, lucks: Sequence[Luck], listed: np.ndarray) -> None:
        n = len(moments.above)
        self.n_systems = n
        self._ratios, self._scales = _weigh_parts(moments)
        variances = _measure_unit_variances(moments, self._ratios, self._scales)
        scale = 1.0 if self._scales is None else self._scales
        is_equal = np.sqrt(variances) <= moments.smallest * scale
        spread = np.zeros_like(variances)
        whole = variances.copy()
        self._first_below = moments.first_below
        for luck in lucks:
            of_luck = _square_distances(luck.root.T @ luck.root)
            whole += of_luck
            if np.isfinite(luck.freedom):
                spread += np.square(of_luck) / luck.freedom
            else:
                variances += of_luck
        self._freedom: np.ndarray | None = None
        if spread.any():
            freedom = np.divide(np.square(whole), spread, out=np.full_like(whole, MANY), where=spread > 0)
            self._freedom = np.minimum(freedom, MANY).astype(np.float32)
        variances[is_equal] = np.inf
        places = listed[(listed < n).all(axis=1)]
        variances[places[:, 0], places[:, 1]] = variances[places[:, 1], places[:, 0]] = np.inf
        self._variances = variances.astype(np.float32)

    def find_largest(self, means: np.ndarray, deviations: np.ndarray | None, lucks: Sequence[np.ndarray]) -> np.ndarray:
        """Find the largest normalized statistic of each flip.

        Parameters
        ----------
        means : ndarray of shape (n_flips, n_terms), float32
            Of the columns, after the flips.
        deviations : ndarray of shape (n_flips, n_systems), float32, or None
            By luck beyond the units.
        lucks : sequence of ndarray of shape (n_draws, n_rows, n_systems)
            Of each source with few degrees of freedom, deviations that its variance is estimated from; flips share rows.

        Returns
        -------
        ndarray of shape (n_flips,)
        """
        n = self.n_systems
        own = np.ascontiguousarray(means[:, :n])
        if self._ratios is None or self._scales is None:
            own = own if deviations is None else own + deviations
            below = ratios = scales = np.zeros((0, 0), dtype=np.float32)
            moved = below
        else:
            below = np.ascontiguousarray(means[:, self._first_below : self._first_below + n])
            ratios, scales = self._ratios.astype(np.float32), self._scales.astype(np.float32)
            moved = np.zeros_like(own) if deviations is None else np.ascontiguousarray(deviations, dtype=np.float32)
        weights = np.repeat([1 / len(each) for each in lucks], [len(each) for each in lucks]).astype(np.float32)
        drawn = np.concatenate(lucks) if len(lucks) else np.zeros((0, 1, n), dtype=np.float32)
        freedom = np.zeros((0, 0), dtype=np.float32) if self._freedom is None else self._freedom
        squares = find_largest_squares(
            own, below, moved, ratios, scales, self._variances, np.ascontiguousarray(drawn), weights, freedom, MANY
        )
        return np.asarray(np.sqrt(squares))


def _weigh_parts(moments: Moments) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Of each pair of ratios the common ratio, and what brings differences to its scale."""
    below = moments.below
    if below is None:
        return None, None
    both = below[:, None] + below[None]
    is_ratio = (below[:, None] > 0) & (below[None] > 0)
    ratios = np.divide(moments.above[:, None] + moments.above[None], both, out=np.zeros_like(both), where=is_ratio)
    return ratios, np.divide(2, both, out=np.ones_like(both), where=is_ratio)


def _measure_unit_variances(moments: Moments, ratios: np.ndarray | None, scales: np.ndarray | None) -> np.ndarray:
    n, first, gram = len(moments.above), moments.first_below, moments.gram
    of_scores = _square_distances(gram[:n, :n])
    if ratios is None or scales is None:
        return of_scores
    cross = gram[:n, first : first + n]
    own = np.diag(cross)
    together = own[:, None] + own[None] - cross - cross.T
    of_parts = _square_distances(gram[first : first + n, first : first + n])
    return np.asarray(np.maximum(of_scores - 2 * ratios * together + ratios**2 * of_parts, 0) * scales**2)


def _square_distances(gram: np.ndarray) -> np.ndarray:
    own = np.diag(gram)
    return np.asarray(np.maximum(own[:, None] + own[None] - 2 * gram, 0), dtype=np.float64)
