"""The shape of a cloud of word vectors: narrow cones and hubs make cosines say little."""

from __future__ import annotations

import numpy as np
from numba import njit

from emb_pipeline.diagnostics.neighbors import normalize_rows
from emb_pipeline.embeddings.static.word_vectors import WordVectors

_BLOCK = 128
_ROWS = 16_384


def measure_anisotropy(vectors: np.ndarray) -> float:
    """Mean cosine of two different words: 0 for directions spread evenly, 1 where all point the same way.

    Exact and linear: the squared length of the sum of all unit vectors holds every pair.

    References
    ----------
    .. [1] Ethayarajh (2019), How contextual are contextualized word representations?, EMNLP.
    """
    unit = normalize_rows(np.asarray(vectors, dtype=np.float64))
    unit = unit[np.abs(unit).sum(axis=1) > 0]
    n = len(unit)
    return float((np.square(unit.sum(axis=0)).sum() - n) / (n * (n - 1)))


def measure_first_direction_share(vectors: np.ndarray) -> float:
    """Share of the variance along the strongest direction: 1 / dim for a ball, 1 for a line."""
    values = np.linalg.eigvalsh(np.cov(np.asarray(vectors, dtype=np.float64).T))
    return float(values[-1] / values.sum())


def measure_hubness(vectors: np.ndarray, k: int = 10) -> tuple[float, float]:
    """Skewness of how often a word is among the k nearest of others, and how often the most frequent such word is.

    Parameters
    ----------
    vectors : ndarray of shape (n_words, dim)
        A sample: the cost is quadratic.
    k : int
        Neighbours.

    Returns
    -------
    skewness : float
        About 0 without hubs; above 1, some words are near everything.
    largest : float
        Share of all words that the greatest hub is a neighbour of.

    References
    ----------
    .. [1] Radovanović, Nanopoulos & Ivanović (2010), Hubs in space, JMLR 11.
    """
    from scipy.stats import skew

    unit = normalize_rows(np.asarray(vectors, dtype=np.float32))
    n, k = len(unit), min(k, len(unit) - 1)
    occurrences = np.zeros(n, dtype=np.int64)
    for start in range(0, n, _BLOCK):
        cosines = unit[start : start + _BLOCK] @ unit.T
        own = np.arange(len(cosines))
        cosines[own, start + own] = -np.inf
        _count_nearest(cosines, k, occurrences)
    return float(skew(occurrences)), float(occurrences.max() / len(unit))


@njit(cache=True, nogil=True)
def _count_nearest(cosines: np.ndarray, k: int, occurrences: np.ndarray) -> None:
    """Count the k largest of each row, by column; of equal ones the first (numpy's partition takes ten times as long)."""
    values, columns = np.empty(k, dtype=cosines.dtype), np.empty(k, dtype=np.int64)
    for row in range(cosines.shape[0]):
        values[:] = -np.inf
        columns[:] = -1
        lowest = 0
        for column in range(cosines.shape[1]):
            if cosines[row, column] > values[lowest]:
                values[lowest], columns[lowest] = cosines[row, column], column
                lowest = int(np.argmin(values))
        for nearest in columns:
            if nearest >= 0:
                occurrences[nearest] += 1


def compute_pip_loss(first: WordVectors, second: WordVectors) -> float:
    """Pairwise-inner-product loss of two embeddings over their common words, relative to the size of the second.

    ``||EEᵀ - FFᵀ|| / ||FFᵀ||`` in the Frobenius norm, by products of dim × dim matrices: unlike a distance of vectors it
    does not change when an embedding is rotated.

    References
    ----------
    .. [1] Yin & Shen (2018), On the dimensionality of word embedding, NeurIPS.
    """
    rows = np.array([(row, second.index[token]) for row, token in enumerate(first.tokens) if token in second.index])
    if not len(rows):
        return float("nan")
    products = [np.zeros((one.dim, other.dim)) for one, other in ((first, first), (first, second), (second, second))]
    for block in np.array_split(rows, -(-len(rows) // _ROWS)):
        e, f = (each.vectors[block[:, side]].astype(np.float64) for side, each in enumerate((first, second)))
        for product, left, right in zip(products, (e, e, f), (e, f, f), strict=True):
            product += left.T @ right
    of_first, of_both, of_second = (float(np.square(product).sum()) for product in products)
    return float(np.sqrt(max(of_first - 2 * of_both + of_second, 0.0) / of_second))
