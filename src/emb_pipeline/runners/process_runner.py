"""Nodes in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from emb_pipeline.runners.errors import WorkerKilledError
from emb_pipeline.runners.node_runner import NodeRunner, Workers
from emb_pipeline.runners.work import run_packed
from emb_pipeline.storage.orphans import end_with_parent

_PRELOADED = [
    "emb_pipeline.settings",  # first: it tells other libraries how to behave
    "kedro.framework.cli",
    "emb_pipeline.pipeline_registry",
    "emb_pipeline.datasets",
    "emb_pipeline.runners.work",
]
"""Modules that nearly every node needs: the server of forks imports them once for all workers."""
_START_METHOD = "KEDRO_MP_CONTEXT"
"""Kedro's environment variable: fork, forkserver or spawn."""
_USUAL = {"linux": "fork", "win32": "spawn"}.get(sys.platform, "forkserver")


class ProcessRunner(NodeRunner):
    """Runs nodes side by side in processes of this machine.

    Kedro's ``ParallelRunner`` sends the whole catalog with each node, and ends the run where a worker is killed. Here a task
    is a few kilobytes, and a worker that was killed is replaced.

    Workers are forked on Linux, as by Kedro: what is imported is there, once for all of them. ``KEDRO_MP_CONTEXT`` names
    another way. A server of forks has no threads, which a fork leaves half way through their work; it imports everything
    again, while this process prepares the run.

    Parameters
    ----------
    max_workers : int, optional
        Nodes at once; by default, one for each core.
    is_async : bool
        Whether each node loads and saves in threads.
    """

    attempts = 2

    def __init__(self, max_workers: int | None = None, is_async: bool = False) -> None:
        super().__init__(self._validate_max_workers(None if max_workers is None else int(max_workers)), is_async)
        self._context = _find_context()
        if self._context.get_start_method() == "forkserver":
            _start_server()

    @contextmanager
    def _open_workers(self, pipeline: Pipeline) -> Iterator[Workers]:
        workers = _Processes(min(self.n_workers, len(pipeline.nodes)), self._context)
        try:
            yield workers
        except BaseException as error:
            workers.end(is_killed=not isinstance(error, Exception))
            raise
        workers.end()


class _Processes:
    """Worker processes, each in a pool of its own: a pool whose process is killed does not say which node it was."""

    def __init__(self, n: int, context: BaseContext) -> None:
        self._context, self._environment = context, dict(os.environ)
        self._free = [self._open() for _ in range(n)]
        self._busy: dict[Future[bytes], tuple[ProcessPoolExecutor, Node]] = {}

    def has_room(self) -> bool:
        return bool(self._free)

    def start(self, node: Node, packed: bytes) -> Future[bytes]:
        pool = self._free.pop()
        try:
            future = pool.submit(run_packed, packed)
        except BrokenProcessPool:  # killed while it had nothing to do
            pool = self._open()
            future = pool.submit(run_packed, packed)
        self._busy[future] = pool, node
        return future

    def finish(self, future: Future[bytes]) -> bytes:
        pool, node = self._busy.pop(future)
        try:
            outcome = future.result()
        except BrokenProcessPool as error:
            self._free.append(self._open())
            raise WorkerKilledError(
                node.name,
                "the process that worked on it was killed, perhaps for want of memory",
                "fewer workers (max_workers) leave more memory for each",
            ) from error
        self._free.append(pool)
        return outcome

    def check(self) -> None:
        """Nothing keeps processes of this machine from working."""

    def end(self, is_killed: bool = False) -> None:
        """End them; nobody waits for what a process does at its own end."""
        for pool in (*self._free, *(pool for pool, _ in self._busy.values())):
            processes = list((pool._processes or {}).values())  # type: ignore[attr-defined]
            pool.shutdown(wait=False, cancel_futures=True)
            if is_killed:
                for process in processes:
                    with suppress(OSError, ValueError):
                        process.kill()

    def _open(self) -> ProcessPoolExecutor:
        """Open a pool; its process starts with its first node."""
        given = (os.getcwd(), self._environment, _name_package(), list(sys.path))
        return ProcessPoolExecutor(1, self._context, initializer=_prepare_worker, initargs=given)


def _find_context() -> BaseContext:
    asked = os.environ.get(_START_METHOD)
    return multiprocessing.get_context(asked if asked in multiprocessing.get_all_start_methods() else _USUAL)


def _start_server() -> None:
    """Start the server of forks: it imports while this process goes on."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # the same code, wherever Kedro found it
    try:
        forkserver.set_forkserver_preload(_PRELOADED)
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _name_package() -> str:
    from kedro.framework import project

    return str(project.PACKAGE_NAME or Path(__file__).parents[1].name)


def _prepare_worker(folder: str, environment: Mapping[str, str], package: str, path: list[str]) -> None:
    """Make a new process a worker of the run."""
    from kedro.framework import project

    end_with_parent()
    with suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started the run ends its workers
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = path
    if package != project.PACKAGE_NAME:
        project.configure_project(package)
