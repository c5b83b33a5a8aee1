"""The vectors that a probe learns from and is tested on, fold by fold."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from emb_pipeline.corrupt.typos import choose_test_texts
from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector, encode_texts, float_vectors
from emb_pipeline.embeddings.protocols import (
    Similarity,
    TextEncoder,
    VectorEmbedding,
    Vectors,
    encode_as,
    fit_encode,
    is_fitted_on_tasks,
    learns_from_labels,
    similarity_of,
)
from emb_pipeline.tasks.splits.example_folds import Examples
from emb_pipeline.tasks.splits.label_draws import explain_too_few_labels
from emb_pipeline.text.texts import Texts


def fit_for_requests(
    task: Examples, encoder: VectorEmbedding, targets: np.ndarray, n_requests: int
) -> tuple[TextEncoder, list[Any]]:
    """Fit an embedding on all training examples, and take test examples as requests; without a split both are all of them.

    Parameters
    ----------
    task : Examples
        The examples.
    encoder : VectorEmbedding
        The embedding; one that is not fitted on a task is given back as it is.
    targets : ndarray of shape (n_examples, ...)
        What an embedding that learns from labels is fitted to.
    n_requests : int
        Requests at most.
    """
    is_tested = np.ones(len(targets), bool) if task.split is None else task.split == "test"
    learned = np.flatnonzero(is_tested if task.split is None else ~is_tested)
    fitted: Any = encoder
    if is_fitted_on_tasks(encoder):
        fitted, _ = fit_encode(encoder, task.texts.take(learned), targets[learned])
    return fitted, task.texts.take(np.flatnonzero(is_tested)[:n_requests]).list_single()


class FoldVectors:
    """Vectors for each fold: slices of one encoding, or of an encoder that is fitted on the fold's training texts."""

    def __init__(self, task: Examples, encoder: VectorEmbedding, *, typos: float) -> None:
        self._task_name, self._texts, self._tested = task.name, task.texts, choose_test_texts(task.texts, typos)
        self.learns_from_labels = learns_from_labels(encoder)
        self._task_encoder = encoder if is_fitted_on_tasks(encoder) else None
        self._sizes: list[float] = []
        self._clock = EncodingClock()
        self.dim = 0
        if self._task_encoder is None:
            self._fitted = cast(TextEncoder, encoder)
            with self._clock:
                self._all, _ = encode_texts(self._fitted, task.texts, task.name)
                self._all_tested = self._all
                if self._tested is not self._texts:
                    self._all_tested, _ = encode_texts(self._fitted, self._tested, task.name)
            self._note(self._all)

    @property
    def seconds(self) -> float:
        """Seconds of fitting and encoding for all folds."""
        return self._clock.seconds

    @property
    def bytes_per_item(self) -> float:
        """Memory of the vectors over their number: the mean over folds."""
        return float(np.mean(self._sizes))

    def of_fold(self, train: np.ndarray, test: np.ndarray, labels: np.ndarray | None = None) -> tuple[Vectors, Vectors]:
        """Select vectors of the training texts, whose labels these are, and of the test texts."""
        if self._task_encoder is None:
            return self._all[train], self._all_tested[test]
        with self._clock:
            self._fitted, of_train, of_test = self._fit_again(train, test, labels)
        self._note(of_train)
        return of_train, of_test

    def of_part(self, part: np.ndarray, test: np.ndarray, labels: np.ndarray | None = None) -> tuple[Vectors, Vectors]:
        """Select them where the training texts are but a part of a fold's: what it costs is not counted."""
        if self._task_encoder is None:
            return self._all[part], self._all_tested[test]
        with explain_too_few_labels(self._task_name, len(part)):
            _, of_part, of_test = self._fit_again(part, test, labels)
        return of_part, of_test

    @property
    def similarity(self) -> Similarity:
        """The measure that the vectors were made to be compared by."""
        return similarity_of(self._fitted)

    def encode(self, texts: Texts) -> Vectors:
        """Encode further texts with the embedding of the last fold: what it costs is not counted."""
        if self._task_encoder is None:
            return encode_texts(self._fitted, texts, self._task_name)[0]
        return float_vectors(encode_as(self._fitted, texts, "text"), len(texts), "test texts")

    def _fit_again(
        self, train: np.ndarray, test: np.ndarray, labels: np.ndarray | None
    ) -> tuple[TextEncoder, Vectors, Vectors]:
        fitted, vectors = fit_encode(cast(VectorEmbedding, self._task_encoder), self._texts.take(train), labels)
        of_train = float_vectors(vectors, len(train), "training texts")
        of_test = encode_as(fitted, self._tested.take(test), "text")
        return fitted, of_train, float_vectors(of_test, len(test), "test texts")

    def _note(self, vectors: Vectors) -> None:
        self._sizes.append(bytes_per_vector(vectors, self._fitted))
        self.dim = int(vectors.shape[1])
