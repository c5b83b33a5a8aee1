"""The texts that an embedding knows something of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.columns.table_encoder import TableEncoder
from emb_pipeline.embeddings.protocols import KnowingEncoder, Vectors
from emb_pipeline.text.words import unmark_words


def find_known(encoder: Any, texts: Sequence[str], vectors: Vectors) -> np.ndarray:
    """Say of each text whether the embedding knows anything of it: shape (n_texts,), bool.

    Word vectors and counts know a text by its known words: without one, its vector is zeros. An encoder for which that does
    not hold says itself what it knows (`KnowingEncoder`).

    Parameters
    ----------
    encoder : TextEncoder
        The embedding.
    texts : sequence of str
        The texts.
    vectors : ndarray or csr_array of shape (n_texts, dim)
        Its vectors of them.
    """
    if not texts:
        return np.zeros(0, dtype=bool)
    encoder = getattr(encoder, "unstored", encoder)
    if isinstance(encoder, TableEncoder):  # a row may have no text
        return encoder.find_known(vectors)
    has_text = np.array([bool(unmark_words(text).strip()) for text in texts])
    if isinstance(encoder, KnowingEncoder):
        return np.asarray(has_text & encoder.knows(texts, vectors))
    lengths = abs(vectors).sum(axis=1) if sp.issparse(vectors) else np.abs(vectors).sum(axis=1)
    return np.asarray(has_text & (np.asarray(lengths).ravel() > 0))
