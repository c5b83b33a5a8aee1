"""Vectors as a bit for each number, compared by Hamming distance; the nearest are scored anew by their dot products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emb_pipeline.embeddings.compress.reduced import Quantisation
from emb_pipeline.embeddings.options import Precision

DECIMALS = 6
"""Dot products are compared to this precision, as in exact search: what lies below is rounding of float32 sums."""


@dataclass(frozen=True, eq=False)
class SignBits:
    """Vectors that are searched in two steps: all by their bits, the nearest of them by dot product [1]_ [2]_.

    A bit says whether a number lies above its mean over all vectors. Embeddings lie to one side of the origin [3]_: many a
    number has the same sign in nearly all of them, and a bit that is the same everywhere tells none apart. A query's bits
    are taken against the same mean.

    Attributes
    ----------
    bits : ndarray of shape (n_words, n_vectors), uint64
        What is compared.
    mean : ndarray of shape (dim,), float32
        Of each number.
    stored : ndarray of shape (n_vectors, dim)
        What candidates are scored with: read for them alone, but it must lie somewhere, in memory or on disk.
    quantisation : Quantisation
        How it is stored; queries keep all their bits.

    References
    ----------
    .. [1] Yamada, Asai & Hajishirzi (2021), Efficient Passage Retrieval with Hashing for Open-domain Question Answering,
       ACL; their second step has bits of passages, here it has the vectors themselves, or 16- or 8-bit numbers.
    .. [2] Shakir, Aarsen & Lee (2024), Binary and Scalar Embedding Quantization for Significantly Faster & Cheaper
       Retrieval, https://huggingface.co/blog/embedding-quantization
    .. [3] Mu & Viswanath (2018), All-but-the-Top: Simple and Effective Postprocessing for Word Representations, ICLR.
    """

    bits: np.ndarray
    mean: np.ndarray
    stored: np.ndarray
    quantisation: Quantisation

    @classmethod
    def of(cls, vectors: np.ndarray, precision: Precision = "float32") -> SignBits:
        """The bits of vectors, shape (n_vectors, dim), float32, and the vectors in a precision."""
        mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        quantisation = Quantisation(precision, vectors.min(axis=0), vectors.max(axis=0))
        return cls(packed(vectors > mean), mean, quantisation.stored(vectors), quantisation)

    @property
    def index_bytes(self) -> int:
        """Bytes of what a search goes through: the bits, and the mean."""
        return self.bits.nbytes + self.mean.nbytes

    @property
    def bytes_per_item(self) -> float:
        """Bytes of one vector as it is stored for the second step, beside its bits."""
        return self.stored.nbytes / len(self.stored)

    def nearest(self, queries: np.ndarray, k: int, candidates: int, inside: np.ndarray | None = None) -> np.ndarray:
        """Rows of the largest dot products among the candidates, best first; of equal ones the first row comes first.

        Parameters
        ----------
        queries : ndarray of shape (n_queries, dim), float32
            Of unit length, as the vectors, for cosines.
        k : int
            Rows to find for each.
        candidates : int
            Vectors that are nearest by Hamming distance, of equally near ones the first; with as many as there are
            vectors the search is exact, save for what their precision loses.
        inside : ndarray of shape (n_vectors,), bool, optional
            The vectors to search; all, where it is not given.

        Returns
        -------
        ndarray of shape (n_queries, k), int64
            -1 where fewer were to be had.
        """
        kept = None if inside is None else np.flatnonzero(inside)
        asked = packed(queries > self.mean)
        found = np.full((len(queries), k), -1, dtype=np.int64)
        for place, query in enumerate(queries):
            distances = hamming_distances(self.bits, asked[:, place])
            rows = smallest(distances, candidates) if kept is None else kept[smallest(distances[kept], candidates)]
            scores = np.round(self.quantisation.read(self.stored[rows]) @ query, DECIMALS)
            best = rows[np.argsort(-scores, kind="stable")[:k]]
            found[place, : len(best)] = best
        return found


def packed(above: np.ndarray) -> np.ndarray:
    """Bits, 64 to a word; those that the last word has too many are 0 in all vectors.

    Parameters
    ----------
    above : ndarray of shape (n_vectors, dim), bool

    Returns
    -------
    ndarray of shape (n_words, n_vectors), uint64
        A row for each word, so that one word of all vectors lies together.
    """
    n_vectors, dim = above.shape
    in_bytes = np.zeros((n_vectors, 8 * -(-dim // 64)), dtype=np.uint8)
    in_bytes[:, : -(-dim // 8)] = np.packbits(above, axis=1)
    return np.ascontiguousarray(in_bytes.view(np.uint64).T)


def hamming_distances(bits: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Bits of each vector that differ from the query's: shape (n_vectors,), in the smallest integers that hold them.

    Parameters
    ----------
    bits : ndarray of shape (n_words, n_vectors), uint64
        As `packed` gives them.
    query : ndarray of shape (n_words,), uint64
        A column of such.
    """
    distances = np.zeros(bits.shape[1], dtype=np.min_scalar_type(64 * len(bits)))
    for word_of_each, word in zip(bits, query, strict=True):
        distances += np.bitwise_count(word_of_each ^ word)
    return distances


def smallest(distances: np.ndarray, n: int) -> np.ndarray:
    """Rows of the ``n`` smallest distances, in rising order of the rows; of equal distances the first rows are taken."""
    if n >= len(distances):
        return np.arange(len(distances))
    radius = _radius(distances, n)
    rows = np.flatnonzero(distances <= radius)
    at_radius = np.flatnonzero(distances[rows] == radius)
    return np.delete(rows, at_radius[len(at_radius) - (len(rows) - n) :])


def _radius(distances: np.ndarray, n: int) -> int:
    """The n-th smallest distance, by halving the range: a few counts of what lies below cost less than a partition."""
    low, high = 0, int(distances.max())
    while low < high:
        middle = (low + high) // 2
        if np.count_nonzero(distances <= middle) >= n:
            high = middle
        else:
            low = middle + 1
    return low
