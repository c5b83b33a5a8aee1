"""The vectors of both texts of each pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector, encode_texts, score_pairs
from emb_pipeline.embeddings.protocols import Similarity, TaskEncoder, TextEncoder, Vectors, similarity_of
from emb_pipeline.tasks.pairs.task import PairTask

DECIMALS = 6
"""Scores are compared to this precision: what is below is rounding of float32 sums, and would break ties by chance."""


@dataclass(frozen=True, eq=False)
class EncodedPairs:
    """Vectors of pairs.

    Attributes
    ----------
    first, second : ndarray or csr_array of shape (n_pairs, dim), float32
        Of their texts.
    similarity : str
        The measure that the vectors were made to be compared by.
    encode_seconds, bytes_per_item : float
        See `emb_pipeline.tasks.evaluation.Evaluation`.
    """

    first: Vectors
    second: Vectors
    similarity: Similarity
    encode_seconds: float
    bytes_per_item: float

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return int(self.first.shape[1])

    def compute_closeness(self) -> np.ndarray:
        """Compare the two vectors of each pair: shape (n_pairs,), float64."""
        return np.asarray(np.round(score_pairs(self.first, self.second, self.similarity), DECIMALS))


def encode_pairs(task: PairTask, encoder: TextEncoder | TaskEncoder) -> EncodedPairs:
    """Encode each distinct text once; an embedding that is fitted on a task's texts (TF-IDF) is fitted on all of them."""
    with EncodingClock() as clock:
        fitted = encoder.fit(task.texts) if isinstance(encoder, TaskEncoder) else encoder
        vectors, _ = encode_texts(fitted, task.texts, task.name)
    size = bytes_per_vector(vectors, fitted)
    return EncodedPairs(vectors[task.first], vectors[task.second], similarity_of(fitted), clock.seconds, size)
