"""Estimates of what a job takes: wide ones, to ask a batch system by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kedro.pipeline.node import Node

from emb_pipeline.experiment.model import EmbeddingSpec, Experiment
from emb_pipeline.hooks.display.durations import Durations
from emb_pipeline.hooks.display.guess import Guess
from emb_pipeline.hooks.display.plan import expect_seconds
from emb_pipeline.hooks.sizes import HIGHEST, LOWEST, Sizes, opens_transformer
from emb_pipeline.jobs.graph import Job
from emb_pipeline.pipelines.namespaces import find_namespace

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
    disk_bytes : tuple of float
        Of what it leaves: lowest, expected, highest.
    """

    seconds: tuple[float, float, float]
    memory_bytes: tuple[float, float, float]
    cores: int
    gpus: int
    disk_bytes: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Estimator:
    """Estimates for the jobs of a use case.

    Memory and disk are those of `Sizes`.

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
        self._sizes = Sizes(experiment, guess)
        self._cell_of: Mapping[str, EmbeddingSpec] = {find_namespace(cell): cell for cell in experiment.cells}
        self._durations, self._guess, self._workers = durations, guess, int(parameters["training"]["workers"])
        written = (cell for group in parameters["embeddings"].values() for cell in group.values())
        self._options = {cell.name: each.get("options") or {} for cell, each in zip(experiment.cells, written, strict=True)}

    def estimate(self, job: Job) -> Resources:
        """Estimate what a job takes."""
        found = self.estimate_nodes(job.nodes.nodes)
        gpus = int(job.is_embedding and self._may_use_gpu(self._cell_of[job.name]))
        return replace(found, gpus=gpus)

    def estimate_nodes(self, nodes: Iterable[Node]) -> Resources:
        """Estimate what some steps take, one at a time in one process."""
        steps = list(nodes)
        memory, disk = self._sizes.estimate_memory(steps), self._sizes.estimate_disk(steps)
        uses_workers = any(_uses_workers(name) for node in steps for name in node.inputs)
        cores = max(self._workers if uses_workers else 1, _TRANSFORMER_CORES if opens_transformer(steps) else 1)
        ranges = [(LOWEST * each, each, HIGHEST * each) for each in (memory, disk)]
        return Resources(self._estimate_seconds(steps), ranges[0], cores, 0, ranges[1])

    def _may_use_gpu(self, cell: EmbeddingSpec) -> bool:
        made_of = (cell, *self._experiment.sources_of(cell))
        return any(self._options[each.name].get("device") in _GPU_DEVICES for each in made_of)

    def _estimate_seconds(self, nodes: Iterable[Node]) -> tuple[float, float, float]:
        expected = [expect_seconds(node, self._durations, self._guess) for node in nodes]
        low = sum(seconds * down for seconds, (down, _) in expected)
        high = sum(seconds * up for seconds, (_, up) in expected)
        return low, sum(seconds for seconds, _ in expected), high


def _uses_workers(name: str) -> bool:
    return name.startswith("tokens@") or name == "params:training.workers"
