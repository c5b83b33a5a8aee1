"""Runners that give each node to a worker process as one small task: on this machine, or on a Dask cluster."""

from emb_pipeline.runners.dask_runner import DaskRunner
from emb_pipeline.runners.process_runner import ProcessRunner

__all__ = ["DaskRunner", "ProcessRunner"]
