"""Vectors as a bit for each number, compared by Hamming distance; the nearest are scored again by their dot products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np

from emb_pipeline.embeddings.compress.options import Precision
from emb_pipeline.embeddings.compress.reduced import Quantisation

DECIMALS = 6
"""Dot products are compared to this precision, as in exact search: what is below is rounding of float32 sums."""


@dataclass(frozen=True, eq=False)
class SignBits:
    """Vectors that are searched in two steps: all by their bits, the nearest of them by dot product [1]_ [2]_.

    A bit says whether a number is above its mean over all vectors. Embeddings are to one side of the origin [3]_: many a
    number has the same sign in nearly all of them, and a bit that is the same everywhere tells none apart. A query's bits
    are taken against the same mean.

    Attributes
    ----------
    index : faiss.IndexBinaryFlat
        The bits, as `build_index` makes it.
    mean : ndarray of shape (dim,), float32
        Of each number.
    stored : ndarray of shape (n_vectors, dim)
        What candidates are scored with: read for them alone, but it must be stored somewhere, in memory or on disk.
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

    index: faiss.IndexBinaryFlat
    mean: np.ndarray
    stored: np.ndarray
    quantisation: Quantisation

    @classmethod
    def of(cls, vectors: np.ndarray, precision: Precision = "float32") -> SignBits:
        """Take the bits of vectors, shape (n_vectors, dim), float32, and store the vectors in a precision."""
        mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        quantisation = Quantisation(precision, vectors.min(axis=0), vectors.max(axis=0))
        return cls(build_index(vectors > mean), mean, quantisation.stored(vectors), quantisation)

    @property
    def index_bytes(self) -> int:
        """Bytes of what a search goes through: the bits, and the mean."""
        return self.index.ntotal * self.index.code_size + self.mean.nbytes

    @property
    def bytes_per_item(self) -> float:
        """Bytes of one vector as it is stored for the second step, next to its bits."""
        return self.stored.nbytes / len(self.stored)

    def find_nearest(self, queries: np.ndarray, k: int, candidates: int, inside: np.ndarray | None = None) -> np.ndarray:
        """Find the rows of the largest dot products among the candidates, best first; of equal ones the first row.

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
        found = np.full((len(queries), k), -1, dtype=np.int64)
        asked = np.packbits(queries > self.mean, axis=1)
        parameters: Any = faiss.SearchParameters  # its stubs do not know what its constructor takes
        selected = None if inside is None else parameters(sel=faiss.IDSelectorBatch(np.flatnonzero(inside)))
        for place, query in enumerate(queries):  # all at once would take memory for all candidates of all queries
            _, nearest = self.index.search(asked[place : place + 1], min(candidates, self.index.ntotal), params=selected)
            rows = np.sort(nearest[nearest >= 0])
            scores = np.round(self.quantisation.read(self.stored[rows]) @ query, DECIMALS)
            best = rows[np.argsort(-scores, kind="stable")[:k]]
            found[place, : len(best)] = best
        return found


def build_index(above: np.ndarray) -> faiss.IndexBinaryFlat:
    """Index bits for exact search by Hamming distance; of equal distances it finds the first rows.

    Parameters
    ----------
    above : ndarray of shape (n_vectors, dim), bool
        The bits; the last byte of a vector is filled with zeros.
    """
    codes = np.packbits(above, axis=1)
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    index.add(codes)
    return index
