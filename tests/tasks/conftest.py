from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from emb_pipeline.tasks.classification.task import ClassificationTask
from emb_pipeline.text.texts import Texts


class WordEncoder:
    """One fixed random vector per word, averaged; counts the texts that it has encoded."""

    def __init__(self, dim: int = 8) -> None:
        self.dim = dim
        self.n_encoded = 0
        self._vectors: dict[str, np.ndarray] = {}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.n_encoded += len(texts)
        return np.array([np.mean([self._vector(word) for word in text.split()], axis=0) for text in texts], dtype=np.float32)

    def _vector(self, word: str) -> np.ndarray:
        if word not in self._vectors:
            seed = int.from_bytes(word.encode()[:6].ljust(6), "little")
            self._vectors[word] = np.random.default_rng(seed).normal(size=self.dim)
        return self._vectors[word]


class EncoderPerFold:
    """A task encoder that remembers the texts of each fit."""

    def __init__(self) -> None:
        self.fitted_on: list[list[str]] = []

    def fit(self, texts: Texts) -> WordEncoder:
        self.fitted_on.append(list(texts))
        return WordEncoder()


@pytest.fixture
def words() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def per_fold() -> EncoderPerFold:
    return EncoderPerFold()


@pytest.fixture
def topics() -> ClassificationTask:
    """90 texts of three topics with words of their own, and no split."""
    rng = np.random.default_rng(5)
    vocabulary = {"sea": ["wave", "tide", "reef"], "sky": ["cloud", "wind", "star"], "soil": ["clay", "root", "worm"]}
    labels = np.repeat(sorted(vocabulary), 30)
    texts = [
        " ".join([*rng.choice(vocabulary[label], 3), *rng.choice(["a", "b", "c", "d"], 3), f"n{i}"])
        for i, label in enumerate(labels)
    ]
    return ClassificationTask("topics", np.array([f"e{i}" for i in range(90)]), Texts(texts), labels)
