"""Vectors as encoders give them, checked and measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.protocols import Role, StoredTextEncoder, TextEncoder, Vectors, encode_as


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


def encode_unstored(encoder: TextEncoder, text: str, role: Role = "text") -> Vectors:
    """Encode one text, shape (1, dim), again even where it is in a store: a request costs that."""
    if isinstance(encoder, StoredTextEncoder):
        return encoder.unstored.encode([text], role=role)
    return encode_as(encoder, [text], role)


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
    if not np.isfinite(made.data if is_sparse else made).all():
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


def unit_length(vectors: Vectors) -> Vectors:
    """Divide rows by their length; rows of zeros stay so."""
    if sp.issparse(vectors):
        lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        scaled = vectors.copy()
        scaled.data /= np.repeat(np.where(lengths > 0, lengths, 1), np.diff(vectors.indptr)).astype(np.float32)
        return scaled
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1)[:, None], dtype=np.float32)
