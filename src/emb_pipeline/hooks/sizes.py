"""The memory and the disk that the steps of a run take, from the sizes of their inputs: wide estimates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from kedro.pipeline.node import Node

from emb_pipeline.experiment.model import EmbeddingSpec, Experiment
from emb_pipeline.hooks.display.guess import Guess

_PROCESS_BYTES, _TRANSFORMER_BYTES = 0.7e9, 2e9
"""Python with the libraries of every run; torch, a model of up to some 100 million weights and a batch, on top."""
_BYTES_PER_WORD_READ, _BYTES_PER_WORD_TAKEN = 60.0, 12.0
"""Of a word of text: as Python strings while a task is read, as tokens or Arrow text later."""
_MOST_OF_STREAM = 0.4e9
"""A corpus is streamed: its documents and tokens take this much at most, and its words come on top."""
_BYTES_PER_TYPE, _WORDS_PER_TYPE = 250.0, 30.0
"""A corpus of n words has about 30 √n different ones (Heaps' law)."""
_VECTOR_COPIES, _FLOAT_BYTES, _DIM = 3, 4, 768
"""Word vectors, contexts and what is written; the dimension where the grid does not fix it."""
_BYTES_PER_SCORE = 200.0
_DISK_PER_WORD = {"documents": 3.5, "sentences": 10.5, "tokens": 10.5}
"""Compressed text; tokens as text and as numbers, before and after the cut to one size."""
_DISK_PER_TASK_WORD, _DISK_PER_SCORE, _DISK_PER_RESULT, _DISK_OF_ENCODER = 12.0, 50.0, 20e3, 20e6
_ENCODERS = ("encoder", "cross_encoder")
LOWEST, HIGHEST = 0.5, 3.0
"""The range of an estimate, as parts of it."""


class Sizes:
    """Estimates of memory and disk for a use case.

    Memory is that of a Python process, of a transformer where one is opened, of texts by their words, of word vectors by
    vocabulary and dimension, and of the vectors of a task's items. Nothing of it is measured: 0.5 to 3 times.

    Parameters
    ----------
    experiment : Experiment
        The grid.
    guess : Guess
        Sizes of corpora and tasks.
    """

    def __init__(self, experiment: Experiment, guess: Guess) -> None:
        self._cells: dict[str, EmbeddingSpec] = {cell.name: cell for cell in experiment.cells}
        self._guess = guess

    def estimate_memory(self, nodes: Iterable[Node]) -> float:
        """Estimate the bytes of a process that makes some steps, one at a time."""
        steps = list(nodes)
        transformer = _TRANSFORMER_BYTES if opens_transformer(steps) else 0.0
        return _PROCESS_BYTES + transformer + max(map(self._estimate_step, steps), default=0.0)

    def estimate_disk(self, nodes: Iterable[Node]) -> float:
        """Estimate the bytes of what some steps leave."""
        return sum(self._estimate_file(name, node) for node in nodes for name in node.outputs)

    def _estimate_step(self, node: Node) -> float:
        return sum(map(self._estimate_dataset, {*node.inputs, *node.outputs}))

    def _estimate_dataset(self, name: str) -> float:
        place, _, leaf = name.rpartition(".")
        sizes: dict[str, Callable[[], float]] = {
            "documents": lambda: self._estimate_stream(place, _BYTES_PER_WORD_READ),
            "sentences": lambda: self._estimate_stream(place, _BYTES_PER_WORD_READ),
            "vectors": lambda: self._estimate_vectors(place),
            "item_scores": lambda: self._estimate_scores(place),
        }
        if leaf in sizes:
            return sizes[leaf]()
        first, _, second = name.partition("@")
        if first == "tokens":
            return self._estimate_stream(second, _BYTES_PER_WORD_TAKEN)
        return self._count_words(second) * _BYTES_PER_WORD_READ if first == "examples" else 0.0

    def _estimate_stream(self, corpus: str, bytes_per_word: float) -> float:
        words = self._guess.words.get(corpus, 0.0)
        return min(words * bytes_per_word, _MOST_OF_STREAM) + _count_types(words) * _BYTES_PER_TYPE

    def _estimate_vectors(self, embedding: str) -> float:
        cell = self._cells.get(embedding)
        if cell is None:
            return 0.0
        words = self._guess.words.get(cell.origin, max(self._guess.words.values(), default=0.0))
        return _count_types(words) * (cell.dim or _DIM) * _FLOAT_BYTES * _VECTOR_COPIES

    def _estimate_scores(self, cell: str) -> float:
        """Estimate the scores of a task's items, and the items' vectors that they are made of."""
        embedding, _, task = cell.rpartition(".")
        spec, size = self._cells.get(embedding), self._guess.sizes.get(task)
        dim = (spec.dim if spec else None) or _DIM
        return size.n_items * (_BYTES_PER_SCORE + dim * _FLOAT_BYTES * _VECTOR_COPIES) if size else 0.0

    def _count_words(self, task: str) -> float:
        size: Any = self._guess.sizes.get(task)
        return size.n_items * size.words if size else 0.0

    def _estimate_file(self, name: str, node: Node) -> float:
        place, _, leaf = name.rpartition(".")
        if leaf in _DISK_PER_WORD:
            return self._guess.words.get(place, 0.0) * _DISK_PER_WORD[leaf]
        if leaf == "vectors":
            return self._estimate_vectors(place) / _VECTOR_COPIES
        if leaf in _ENCODERS:
            return _DISK_OF_ENCODER
        if leaf == "examples":
            return self._count_words(place) * _DISK_PER_TASK_WORD
        if leaf == "item_scores":
            size = self._guess.sizes.get(place.rpartition(".")[2])
            encoded = _DIM * _FLOAT_BYTES if opens_transformer([node]) else 0.0
            return size.n_items * (_DISK_PER_SCORE + encoded) if size else 0.0
        return _DISK_PER_RESULT


def opens_transformer(nodes: Iterable[Node]) -> bool:
    """Say whether one of some steps makes or opens a transformer."""
    names = (name for node in nodes for name in (*node.inputs, *node.outputs))
    return any(name.endswith(tuple(f".{each}" for each in _ENCODERS)) for name in names)


def _count_types(words: float) -> float:
    return _WORDS_PER_TYPE * math.sqrt(words)
