"""Estimates of what a job takes: wide ones, to ask a batch system by."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kedro.pipeline.node import Node

from emb_pipeline.experiment.model import EmbeddingSpec, Experiment
from emb_pipeline.hooks.display.durations import Durations
from emb_pipeline.hooks.display.guess import Guess
from emb_pipeline.hooks.display.plan import expect_seconds
from emb_pipeline.jobs.graph import Job
from emb_pipeline.pipelines.namespaces import find_namespace

_PROCESS_BYTES, _TRANSFORMER_BYTES = 0.7e9, 2e9
"""Python with the libraries of every run; torch, a model of up to some 100 million weights and a batch, on top."""
_BYTES_PER_WORD_READ, _BYTES_PER_WORD_TAKEN = 60.0, 12.0
"""Of a word of text: as Python strings while it is read and tokenized, as tokens or Arrow text later."""
_WORDS_PER_TYPE = 30.0
"""A corpus of n words has about 30 √n different ones (Heaps' law)."""
_VECTOR_COPIES, _FLOAT_BYTES, _DIM = 3, 4, 768
"""Word vectors, contexts and what is written; the dimension where the grid does not fix it."""
_BYTES_PER_SCORE = 200.0
_MEMORY_RANGE = (0.5, 3.0)
_ENCODERS = ("encoder", "cross_encoder")
_TRANSFORMER_CORES = 2
_GPU_DEVICES = ("cuda", "auto")


@dataclass(frozen=True)
class Resources:
    """An estimate of the resources of a job.

    Attributes
    ----------
    seconds, memory_bytes : tuple of float
        Lowest, expected, highest.
    cores : int
        Threads that it makes use of.
    gpus : int
        GPUs that it makes use of: 1 where the option ``device`` of its embedding, or of one that it is made from, says so.
    """

    seconds: tuple[float, float, float]
    memory_bytes: tuple[float, float, float]
    cores: int
    gpus: int


class Estimator:
    """Estimates for the jobs of a use case.

    Memory is that of a Python process, of a transformer where one is opened, of texts by their words, of word vectors by
    vocabulary and dimension, and of the vectors of a task's items. Nothing of it is measured: 0.5 to 3 times.

    Parameters
    ----------
    experiment : Experiment
        The grid.
    durations : Durations
        Times of earlier runs.
    guess : Guess
        Times of steps that did not run yet, and sizes of corpora and tasks.
    parameters : mapping
        Of the use case: threads of a training, and the options of each embedding.
    """

    def __init__(self, experiment: Experiment, durations: Durations, guess: Guess, parameters: Mapping[str, Any]) -> None:
        self._experiment = experiment
        self._cells: Mapping[str, EmbeddingSpec] = {cell.name: cell for cell in experiment.cells}
        self._cell_of: Mapping[str, EmbeddingSpec] = {find_namespace(cell): cell for cell in experiment.cells}
        self._durations, self._guess, self._workers = durations, guess, int(parameters["training"]["workers"])
        written = (cell for group in parameters["embeddings"].values() for cell in group.values())
        self._options = {cell.name: each.get("options") or {} for cell, each in zip(experiment.cells, written, strict=True)}

    def estimate(self, job: Job) -> Resources:
        """Estimate what a job takes."""
        names = {name for node in job.nodes.nodes for name in (*node.inputs, *node.outputs)}
        has_transformer = any(name.endswith(tuple(f".{each}" for each in _ENCODERS)) for name in names)
        memory = _PROCESS_BYTES + has_transformer * _TRANSFORMER_BYTES
        memory += max((self._estimate_node(node) for node in job.nodes.nodes), default=0.0)
        low, high = _MEMORY_RANGE
        trains = any(name.startswith("tokens@") for name in job.nodes.inputs())
        cores = max(self._workers if trains else 1, _TRANSFORMER_CORES if has_transformer else 1)
        return Resources(
            self._estimate_seconds(job.nodes.nodes),
            (low * memory, memory, high * memory),
            cores,
            int(job.is_embedding and self._may_use_gpu(self._cell_of[job.name])),
        )

    def _may_use_gpu(self, cell: EmbeddingSpec) -> bool:
        made_of = (cell, *self._experiment.sources_of(cell))
        return any(self._options[each.name].get("device") in _GPU_DEVICES for each in made_of)

    def _estimate_seconds(self, nodes: Iterable[Node]) -> tuple[float, float, float]:
        expected = [expect_seconds(node, self._durations, self._guess) for node in nodes]
        low = sum(seconds * down for seconds, (down, _) in expected)
        high = sum(seconds * up for seconds, (_, up) in expected)
        return low, sum(seconds for seconds, _ in expected), high

    def _estimate_node(self, node: Node) -> float:
        """Estimate the bytes of what a step takes and leaves; a process makes one step at a time."""
        return sum(map(self._estimate_dataset, {*node.inputs, *node.outputs}))

    def _estimate_dataset(self, name: str) -> float:
        place, _, leaf = name.rpartition(".")
        sizes: dict[str, Callable[[], float]] = {
            "documents": lambda: self._guess.words.get(place, 0.0) * _BYTES_PER_WORD_READ,
            "sentences": lambda: self._guess.words.get(place, 0.0) * _BYTES_PER_WORD_READ,
            "vectors": lambda: self._estimate_vectors(place),
            "item_scores": lambda: self._estimate_scores(place),
        }
        if leaf in sizes:
            return sizes[leaf]()
        first, _, second = name.partition("@")
        if first == "tokens":
            return self._guess.words.get(second, 0.0) * _BYTES_PER_WORD_TAKEN
        return self._count_words(second) * _BYTES_PER_WORD_READ if first == "examples" else 0.0

    def _estimate_vectors(self, embedding: str) -> float:
        cell = self._cells.get(embedding)
        if cell is None:
            return 0.0
        words = self._guess.words.get(cell.origin, max(self._guess.words.values(), default=0.0))
        return _WORDS_PER_TYPE * math.sqrt(words) * (cell.dim or _DIM) * _FLOAT_BYTES * _VECTOR_COPIES

    def _estimate_scores(self, cell: str) -> float:
        """Estimate the scores of a task's items, and the items' vectors that they are made of."""
        embedding, _, task = cell.rpartition(".")
        spec, size = self._cells.get(embedding), self._guess.sizes.get(task)
        dim = (spec.dim if spec else None) or _DIM
        return size.n_items * (_BYTES_PER_SCORE + dim * _FLOAT_BYTES * _VECTOR_COPIES) if size else 0.0

    def _count_words(self, task: str) -> float:
        size: Any = self._guess.sizes.get(task)
        return size.n_items * size.words if size else 0.0
