"""Nodes on a Dask cluster."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from emb_pipeline.config.active import find_active_loader, load_active_parameters, project_path
from emb_pipeline.hooks.display.events import EVENTS
from emb_pipeline.hooks.display.logs import LOG, MUTED
from emb_pipeline.hooks.run_lines import append_line
from emb_pipeline.hooks.tracking.run_status import STEPS
from emb_pipeline.runners.errors import ClusterError, WorkerKilledError
from emb_pipeline.runners.node_runner import NodeRunner, Workers
from emb_pipeline.runners.remote import Setting
from emb_pipeline.runners.source_code import make_plugin, make_remote_function, pack_source

LOGGER = logging.getLogger(__name__)
_FORWARDED = ("EMB_PIPELINE_", "MLFLOW_", "MILVUS_", "HF_", "AWS_", "GOOGLE_", "AZURE_", "FSSPEC_")
_FORWARDED_NAMES = ("DO_NOT_TRACK", "TQDM_DISABLE", "KEDRO_DATASET_VALIDATION")
_OWN = (LOG, MUTED)
_READ = (EVENTS, STEPS, LOG)
"""Files of the run that workers may add lines to, by their variables."""
_MOST_AT_ONCE = 1000
"""Nodes that the scheduler holds at a time; of 1,000 embeddings, thousands could start at once."""
_CONNECT_SECONDS = "15s"
_HERE = "127.0.0.1"


class DaskRunner(NodeRunner):
    """Runs nodes on a Dask cluster: one that exists, or one of processes of this machine.

    A task is a few kilobytes. Workers that do not have this package, or have another version of it, get its source. What
    nodes do is shown here while they do it, and the log of workers is in the log of the run. Nodes whose worker goes away
    are given to another one by the scheduler.

    Parameters
    ----------
    address : str, optional
        Of a scheduler: ``tcp://127.0.0.1:8786``, or ``tls://…`` with the certificates of Dask's configuration. Without one,
        a cluster on this machine is made for the run; it listens on the loopback interface alone.
    max_workers : int, optional
        Workers of a cluster that is made for the run; by default, one for each core.
    is_async : bool
        Whether each node loads and saves in threads.
    """

    def __init__(self, address: str | None = None, max_workers: int | None = None, is_async: bool = False) -> None:
        self._client = None if address is None else _connect(address)
        if self._client is not None:
            n_workers = max(_count_threads(self._client), 1)
        else:
            n_workers = self._validate_max_workers(None if max_workers is None else int(max_workers))
        super().__init__(n_workers, is_async)

    @contextmanager
    def _open_workers(self, pipeline: Pipeline) -> Iterator[Workers]:
        with self._open_client() as client:
            topic = f"emb_pipeline-{uuid.uuid4().hex}"
            client.subscribe_topic(topic, _note_line)
            packed, digest = pack_source(Path(__file__).parents[1])
            client.register_plugin(make_plugin(packed, digest))
            setting = _describe_run(topic).pack()
            workers = _Cluster(client, make_remote_function(digest), setting, _find_resources(client, pipeline))
            try:
                yield workers
            except BaseException:
                workers.cancel()
                raise
            finally:
                client.unsubscribe_topic(topic)

    @contextmanager
    def _open_client(self) -> Iterator[Any]:
        if self._client is not None:
            with self._client as client:
                yield client
            return
        import dask
        from distributed import Client, LocalCluster

        with (
            # A node may hold Python's lock for minutes, and its worker says nothing meanwhile.
            dask.config.set({"distributed.scheduler.worker-ttl": None}),
            LocalCluster(
                n_workers=self.n_workers,
                threads_per_worker=1,
                host=_HERE,
                dashboard_address=f"{_HERE}:0",
                worker_dashboard_address=f"{_HERE}:0",
                memory_limit=None,
                silence_logs=logging.WARNING,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client


class _Cluster:
    """The workers of a cluster; its scheduler chooses among them."""

    def __init__(
        self,
        client: Any,
        function: Callable[[bytes, bytes], bytes],
        setting: bytes,
        find_resources: Callable[[Node], Mapping[str, float]],
    ) -> None:
        self._client, self._function, self._setting = client, function, setting
        self._find_resources = find_resources
        self._busy: dict[str, tuple[Any, Node]] = {}

    def has_room(self) -> bool:
        return len(self._busy) < _MOST_AT_ONCE

    def start(self, node: Node, packed: bytes) -> Any:
        future = self._client.submit(
            self._function,
            packed,
            self._setting,
            key=f"{node.name}-{uuid.uuid4().hex}",
            pure=False,
            resources=self._find_resources(node) or None,
        )
        self._busy[future.key] = future, node
        return future

    def finish(self, future: Any) -> bytes:
        _, node = self._busy.pop(future.key)
        try:
            if future.status == "finished":
                return bytes(future.result())
            if future.status == "error":
                raise _word_error(node, future.exception())
            raise ClusterError(
                "the Dask cluster",
                f"it has dropped {node.name} ({future.status}): its scheduler went away",
                "what is finished is stored; start the scheduler again, and continue with --only-missing-outputs",
            )
        finally:
            future.release()

    def check(self) -> None:
        """Say that no worker is there: the run waits for one."""
        if not self._client.scheduler_info()["workers"]:
            address = self._client.scheduler.address
            LOGGER.warning("the Dask cluster has no worker; the run waits for one: dask worker %s", address)

    def cancel(self) -> None:
        """Take back what no worker has begun."""
        self._client.cancel([future for future, _ in self._busy.values()], force=True)


def _connect(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, set_as_default=False, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"address={address}", f"no Dask scheduler answers there ({error})", "start one: dask scheduler --host 127.0.0.1"
        ) from error


def _count_threads(client: Any) -> int:
    return sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())


def _note_line(event: tuple[float, Any]) -> None:
    """Note in the files of the run what a worker says."""
    variable, line = event[1]
    if variable in _READ:
        append_line(variable, line)


def _word_error(node: Node, error: BaseException) -> Exception:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return WorkerKilledError(
            node.name,
            f"{error.allowed_failures + 1} Dask workers were killed while they worked on it, perhaps for want of memory",
            "a worker with more memory is needed",
        )
    return ClusterError(
        f"node {node.name}",
        f"a Dask worker could not begin it: {type(error).__name__}: {error}",
        "workers need the same Python and the same packages as here",
    )


def _describe_run(topic: str) -> Setting:
    from kedro.framework.project import LOGGING, PACKAGE_NAME

    keys = _list_key_names()
    chosen = {
        name: value
        for name, value in os.environ.items()
        if (name.startswith(_FORWARDED) or name in _FORWARDED_NAMES or name in keys) and name not in _OWN
    }
    levels = {name: each["level"] for name, each in LOGGING.get("loggers", {}).items() if "level" in each}
    return Setting(topic, str(PACKAGE_NAME), str(project_path()), chosen, levels)


def _list_key_names() -> set[str]:
    """List the variables that hold keys of services: workers ask these, too."""
    embeddings = (cell for group in load_active_parameters()["embeddings"].values() for cell in group.values())
    named = {(cell.get("options") or {}).get("key") for cell in embeddings}
    return {str(name) for name in named if name} | set(find_active_loader()["credentials"]["api_keys"])


def _find_resources(client: Any, pipeline: Pipeline) -> Callable[[Node], Mapping[str, float]]:
    """Find what each node asks for, of the resources that workers have declared; an estimate beyond all of them is cut."""
    most: dict[str, float] = {}
    for worker in client.scheduler_info(n_workers=-1)["workers"].values():
        for name, amount in worker["resources"].items():
            if name.lower() in ("memory", "gpu"):
                most[name] = max(most.get(name, 0.0), amount)
    if not most:
        return lambda node: {}
    from emb_pipeline.runners.resources import estimate_nodes

    estimates = estimate_nodes(pipeline)

    def find(node: Node) -> dict[str, float]:
        takes = estimates[node.name]
        asked = {"memory": takes.memory_bytes[1], "gpu": float(takes.gpus)}
        return {name: min(asked[name.lower()], amount) for name, amount in most.items() if asked[name.lower()]}

    return find
