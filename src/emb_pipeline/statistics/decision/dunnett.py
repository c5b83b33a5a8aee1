"""Many one-sided comparisons with a reference at once (Dunnett), by bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emb_pipeline.statistics.comparisons.listed_pairs import MOST_IN_ALL_PAIRS

_NO_SPREAD = 1e-12
_ROUNDING = 1e-13
"""Variance of a difference that is rounding alone, as a share of what it is the difference of."""


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Some embeddings against one reference, or each against each, on the same resamples.

    Attributes
    ----------
    spread : ndarray of shape (n_references, n_embeddings)
        Standard errors of the differences; 0 of an embedding and itself.
    largest : ndarray of shape (n_references, n_resamples)
        Of each resample the largest standardized deviation of all embeddings from the reference, sorted.
    """

    spread: np.ndarray
    largest: np.ndarray

    def compute_p(self, leads: np.ndarray) -> np.ndarray:
        """One-sided p of leads over the references, of their shape, adjusted for all embeddings (Dunnett, by bootstrap)."""
        n_resamples = self.largest.shape[1]
        statistic = _divide_leads(leads, self.spread)
        reached = [np.searchsorted(largest, row) for largest, row in zip(self.largest, statistic, strict=True)]
        return np.asarray((1 + n_resamples - np.array(reached).reshape(statistic.shape)) / (1 + n_resamples))

    def compute_widths(self, level: float) -> np.ndarray:
        """Find how far a lead's lower simultaneous bound is below it, of the shape of ``spread``."""
        return np.asarray(np.quantile(self.largest, 1 - level, axis=1)[:, None] * self.spread)


def compare_with(deviations: np.ndarray, references: np.ndarray, *, themselves: bool = False) -> Comparisons:
    """Hold the resampled deviations of embeddings against those of references.

    Parameters
    ----------
    deviations : ndarray of shape (n_resamples, n_embeddings)
        Of the embeddings.
    references : ndarray of shape (n_resamples, n_references)
        Of what they are held against.
    themselves : bool
        The references are the embeddings, in the same order: none is held against itself.
    """
    if themselves and deviations.shape[1] > MOST_IN_ALL_PAIRS:
        return _compare_many(deviations)
    spreads, largest = [], []
    for number, reference in enumerate(references.T):
        standardized, spread = _standardize_deviations(deviations, reference)
        if themselves:
            standardized = np.delete(standardized, number, axis=1)
        spreads.append(spread)
        largest.append(np.sort(standardized.max(axis=1, initial=-np.inf)))
    return Comparisons(np.array(spreads), np.array(largest))


def _compare_many(deviations: np.ndarray) -> Comparisons:
    """Hold many embeddings against each of them: the same, in a compiled loop and the memory of a few matrices."""
    from emb_pipeline.statistics.decision.dunnett_kernel import find_largest_leads  # takes numba along

    centered = deviations - deviations.mean(axis=0)
    gram = centered.T @ centered / len(centered)
    own = np.diag(gram)
    squares = np.maximum(own[:, None] + own[None] - 2 * gram, 0)
    squares[squares < _ROUNDING * (own[:, None] + own[None])] = 0
    spread = np.sqrt(squares)
    varies = spread > _NO_SPREAD
    inverse = np.divide(1, spread, out=np.zeros_like(spread), where=varies)
    largest = find_largest_leads(np.ascontiguousarray(deviations, dtype=np.float64), inverse)
    return Comparisons(np.where(varies, spread, 0.0), np.sort(largest, axis=1))


def standardize(deviations: np.ndarray, reference: np.ndarray, leads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardize deviations from one reference, (n_resamples, n_embeddings), and leads over it, (n_embeddings,)."""
    standardized, spread = _standardize_deviations(deviations, reference)
    return standardized, _divide_leads(leads, spread)


def _standardize_deviations(deviations: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Divide deviations from a reference by their standard error, which is 0 where they do not vary."""
    differences = deviations - reference[:, None]
    spread = differences.std(axis=0)
    varies = spread > _NO_SPREAD
    standardized = np.divide(differences, spread, out=np.zeros_like(differences), where=varies)
    return standardized, np.where(varies, spread, 0.0)


def _divide_leads(leads: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(leads, spread, out=np.where(leads > 0, np.inf, -np.inf), where=spread > _NO_SPREAD))
