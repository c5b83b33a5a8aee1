"""The vectors that a probe learns from and is tested on, fold by fold."""

from __future__ import annotations

import numpy as np

from emb_pipeline.corrupt.typos import choose_test_texts
from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector, encode_texts, float_vectors
from emb_pipeline.embeddings.protocols import TaskEncoder, TextEncoder, Vectors
from emb_pipeline.tasks.splits.example_folds import Examples
from emb_pipeline.tasks.splits.label_draws import explain_too_few_labels


class FoldVectors:
    """Vectors for each fold: slices of one encoding, or of an encoder that is fitted on the fold's training texts."""

    def __init__(self, task: Examples, encoder: TextEncoder | TaskEncoder, *, typos: float) -> None:
        self._task_name, self._texts, self._tested = task.name, task.texts, choose_test_texts(task.texts, typos)
        self._task_encoder = encoder if isinstance(encoder, TaskEncoder) else None
        self._sizes: list[float] = []
        self._clock = EncodingClock()
        self.dim = 0
        if not isinstance(encoder, TaskEncoder):
            self._fitted: TextEncoder = encoder
            with self._clock:
                self._all, _ = encode_texts(encoder, task.texts, task.name)
                self._all_tested = self._all
                if self._tested is not self._texts:
                    self._all_tested, _ = encode_texts(encoder, self._tested, task.name)
            self._note(self._all)

    @property
    def seconds(self) -> float:
        """Seconds of fitting and encoding for all folds."""
        return self._clock.seconds

    @property
    def bytes_per_item(self) -> float:
        """Memory of the vectors over their number: the mean over folds."""
        return float(np.mean(self._sizes))

    def of_fold(self, train: np.ndarray, test: np.ndarray) -> tuple[Vectors, Vectors]:
        """Select vectors of the training and of the test texts."""
        if self._task_encoder is None:
            return self._all[train], self._all_tested[test]
        with self._clock:
            self._fitted, of_train, of_test = self._fit_again(self._task_encoder, train, test)
        self._note(of_train)
        return of_train, of_test

    def of_part(self, part: np.ndarray, test: np.ndarray) -> tuple[Vectors, Vectors]:
        """Select them where the training texts are but a part of a fold's: what it costs is not counted."""
        if self._task_encoder is None:
            return self._all[part], self._all_tested[test]
        with explain_too_few_labels(self._task_name, len(part)):
            _, of_part, of_test = self._fit_again(self._task_encoder, part, test)
        return of_part, of_test

    def _fit_again(self, encoder: TaskEncoder, train: np.ndarray, test: np.ndarray) -> tuple[TextEncoder, Vectors, Vectors]:
        texts = self._texts.take(train)
        fitted = encoder.fit(texts)
        of_train = float_vectors(fitted.encode(texts), len(train), "training texts")
        return fitted, of_train, float_vectors(fitted.encode(self._tested.take(test)), len(test), "test texts")

    def _note(self, vectors: Vectors) -> None:
        self._sizes.append(bytes_per_vector(vectors, self._fitted))
        self.dim = int(vectors.shape[1])
