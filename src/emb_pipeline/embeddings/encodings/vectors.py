"""Vectors as encoders give them, checked and measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.protocols import (
    Role,
    Similarity,
    StoredTextEncoder,
    TextEncoder,
    Vectors,
    encode_as,
    similarity_of,
)
from emb_pipeline.errors import DataError
from emb_pipeline.storage.vector_rows import allocate_rows, split_rows
from emb_pipeline.text.texts import Texts

_CHECKED_TOGETHER = 1 << 24


def encode_texts(encoder: TextEncoder, texts: Sequence[str], name: str, role: Role = "text") -> tuple[Vectors, float]:
    """Encode texts, check the vectors, and give the seconds that it took (or had taken, where they come from a store).

    Raises
    ------
    ValueError
        As for `float_vectors`.
    """
    with EncodingClock() as clock:
        vectors = float_vectors(encode_as(encoder, texts, role), len(texts), name)
    return vectors, clock.seconds


def encode_unstored(encoder: TextEncoder, text: str | Texts, role: Role = "text") -> Vectors:
    """Encode one text (with columns: `Texts` of length 1), shape (1, dim), again even where it is in a store.

    A request costs that.
    """
    texts = [text] if isinstance(text, str) else text
    if isinstance(encoder, StoredTextEncoder):
        return encoder.unstored.encode(texts, role=role)
    return encode_as(encoder, texts, role)


def float_vectors(vectors: Vectors, n_texts: int, name: str) -> Vectors:
    """Convert vectors to float32, dense or csr.

    Raises
    ------
    ValueError
        Not one vector per text, or values that are not finite.
    """
    if vectors.ndim != 2 or vectors.shape[0] != n_texts:
        raise ValueError(f"{name}: the encoder gave an array of shape {vectors.shape} for {n_texts} texts")
    is_sparse = sp.issparse(vectors)
    made = sp.csr_array(vectors).astype(np.float32) if is_sparse else np.ascontiguousarray(vectors, dtype=np.float32)
    values = made.data if is_sparse else made
    if not all(
        np.isfinite(values[rows]).all() for rows in split_rows(len(values), _CHECKED_TOGETHER if is_sparse else 1 << 15)
    ):
        raise ValueError(f"{name}: the encoder gave values that are not finite")
    return made


def bytes_per_vector(vectors: Vectors, encoder: object = None) -> float:
    """Divide the memory of vectors, with the indices of sparse ones, by their number.

    An encoder whose vectors are stored in another form than they are used in (8-bit integers) says itself what one takes:
    ``bytes_per_item``.
    """
    stored = getattr(encoder, "bytes_per_item", None)
    if stored is not None:
        return float(stored)
    parts = (vectors.data, vectors.indices, vectors.indptr) if sp.issparse(vectors) else (vectors,)
    return float(sum(part.nbytes for part in parts) / max(vectors.shape[0], 1))


def prepare_for_search(queries: Vectors, passages: Vectors, encoder: object) -> tuple[Vectors, Vectors]:
    """Prepare vectors so that dot products rank the passages of each query as the encoder's own measure does.

    Parameters
    ----------
    queries, passages : ndarray or csr_array of shape (n, dim), float32
        Vectors as the encoder gives them.
    encoder : TextEncoder
        Says which measure its vectors were made for (`similarity_of`).

    Returns
    -------
    queries, passages : ndarray or csr_array of shape (n, dim) or (n, dim + 1), float32

    Raises
    ------
    DataError
        As for `SearchSpace.of`.
    """
    space = SearchSpace.of(passages, encoder)
    return space.prepare_queries(queries), space.passages


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """Vectors of passages, among which dot products with prepared queries rank as an encoder's own measure does.

    Cosines: both get length 1. Dot products: passages stay as they are; a query is divided by its length and by the median
    length of the passages. That changes no ranking and gives the scores of all models one size. Euclidean distances:
    ``2 q·p - |p|²`` falls as ``|q - p|`` rises, so ``(q, 1)`` searches among ``(2 p, -|p|²)``, both in units of that median.

    Attributes
    ----------
    passages : ndarray or csr_array of shape (n_passages, dim) or (n_passages, dim + 1), float32
        The prepared vectors.
    similarity : {"cosine", "dot", "euclidean"}
        The measure.
    typical : float
        Median length of the passages' own vectors.
    """

    passages: Vectors
    similarity: Similarity
    typical: np.float32

    @classmethod
    def of(cls, passages: Vectors, encoder: object) -> SearchSpace:
        """Prepare the vectors of passages.

        Raises
        ------
        DataError
            Sums of absolute differences, or Euclidean distances of sparse vectors: no dot product ranks by them.
        """
        similarity = similarity_of(encoder)
        if similarity == "cosine":
            return cls(unit_length(passages), similarity, np.float32(1))
        lengths = _row_lengths(passages)
        typical = np.float32(np.median(lengths[lengths > 0])) if (lengths > 0).any() else np.float32(1)
        if similarity == "dot":
            return cls(passages, similarity, typical)
        if similarity == "euclidean" and not sp.issparse(passages):
            passages = passages / typical
            squares = np.einsum("ij,ij->i", passages, passages, dtype=np.float64).astype(np.float32)
            return cls(np.hstack([2 * passages, -squares[:, None]]), similarity, typical)
        raise DataError(
            f"similarity: {similarity}",
            "passages are searched by cosine, dot product or (dense vectors) Euclidean distance",
            "set similarity: cosine or dot in the embedding's options",
        )

    def prepare_queries(self, queries: Vectors) -> Vectors:
        """Prepare the vectors of queries."""
        if self.similarity == "euclidean":
            return np.hstack([queries / self.typical, np.ones((len(queries), 1), dtype=np.float32)])
        return unit_length(queries) if self.similarity == "cosine" else unit_length(queries) / self.typical

    def restore_passages(self, rows: np.ndarray) -> Vectors:
        """Give the vectors of some passages as the measure compares them: (n_rows, dim); of length 1 for cosines."""
        found = self.passages[rows]
        return found[:, :-1] * (self.typical / 2) if self.similarity == "euclidean" else found


def score_pairs(first: Vectors, second: Vectors, similarity: Similarity) -> np.ndarray:
    """Compare row i of both by a measure, the larger the more alike: shape (n,); distances are negative.

    The cosine with a row of zeros is 0.
    """
    if similarity == "cosine":
        first, second = unit_length(first), unit_length(second)
    if similarity in ("cosine", "dot"):
        if sp.issparse(first):
            return np.asarray(first.multiply(second).sum(axis=1), dtype=np.float64).ravel()
        return np.asarray(np.einsum("ij,ij->i", first, second, dtype=np.float64))
    apart = first - second
    apart = apart.toarray() if sp.issparse(apart) else apart
    power = 2 if similarity == "euclidean" else 1
    return np.asarray(-np.linalg.norm(apart.astype(np.float64), ord=power, axis=1))


def unit_length(vectors: Vectors) -> Vectors:
    """Divide rows by their length; rows of zeros stay so."""
    lengths = _row_lengths(vectors)
    if sp.issparse(vectors):
        scaled = vectors.copy()
        scaled.data /= np.repeat(np.where(lengths > 0, lengths, 1), np.diff(vectors.indptr)).astype(np.float32)
        return scaled
    scaled = allocate_rows(vectors.shape)
    for rows in split_rows(len(vectors)):
        scaled[rows] = vectors[rows] / np.where(lengths[rows] > 0, lengths[rows], 1)[:, None]
    return scaled


def _row_lengths(vectors: Vectors) -> np.ndarray:
    if sp.issparse(vectors):
        return np.asarray(np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()))
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)))
