"""Errors of runners."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool

from emb_pipeline.errors import EmbPipelineError


class WorkerKilledError(EmbPipelineError, BrokenProcessPool):
    """A node whose worker process was killed: by the operating system for want of memory, most often."""


class ClusterError(EmbPipelineError):
    """A Dask cluster that cannot be reached, or that went away."""


class NodeError(EmbPipelineError):
    """The error of a node on a worker, where the error itself cannot be passed between processes."""
