"""The part that all runners with workers share: which node may start, and how each ends."""

from __future__ import annotations

import heapq
import logging
from abc import abstractmethod
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from graphlib import TopologicalSorter
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner

from emb_pipeline.hooks.command import OWN_RUNNERS
from emb_pipeline.pipelines.failures import fail_instead
from emb_pipeline.runners.errors import NodeError, WorkerKilledError
from emb_pipeline.runners.tasks import NodeTask, Outcome, cut_catalog, leave_out_inputs

LOGGER = logging.getLogger(__name__)
_LOOK_AFTER_SECONDS = 10.0


class Workers(Protocol):
    """Processes that take packed nodes."""

    def has_room(self) -> bool:
        """Tell whether another node can be given to them."""
        ...

    def start(self, node: Node, packed: bytes) -> Any:
        """Give a node to a worker; returns a future with ``add_done_callback``."""
        ...

    def finish(self, future: Any) -> bytes:
        """Give the packed outcome of a future that has ended.

        Raises
        ------
        WorkerKilledError
            The worker was killed while it worked on the node.
        """
        ...

    def check(self) -> None:
        """Say what keeps them from working, if anything does; called now and then."""
        ...


class NodeRunner(AbstractRunner):
    """Gives each node to a worker as one small task, in the order of the pipeline, as soon as its inputs are there.

    A node whose worker was killed is tried again, alone. Where that does not help either, its results are failures, as after
    an error (docs/decisions/0017-one-cells-trouble.md), and the rest goes on.
    """

    attempts = 1
    """Times that a node is given to a worker, if workers are killed."""

    def __init__(self, n_workers: int, is_async: bool = False) -> None:
        super().__init__(is_async=is_async)
        self.n_workers = n_workers

    def __str__(self) -> str:
        return f"<{OWN_RUNNERS}.{type(self).__name__} with {self.n_workers} workers>"

    @property
    def _logger(self) -> logging.Logger:
        """The log of Kedro's own runners: the display of a run reads there which node has ended."""
        return logging.getLogger("kedro.runner")

    def _get_executor(self, max_workers: int) -> None:
        """Kedro's loop asks for an executor; this runner has a loop of its own."""

    @abstractmethod
    def _open_workers(self, pipeline: Pipeline) -> AbstractContextManager[Workers]:
        """Start the workers; at the end of the block, they end."""

    def _run(self, pipeline: Pipeline, catalog: Any, hook_manager: Any = None, run_id: str | None = None) -> None:
        if not pipeline.nodes:
            return
        with self._open_workers(pipeline) as workers:
            _Run(self, pipeline, catalog, run_id, workers).finish_all()


class _Run:
    """One run: the nodes that may start, those that are at work, and those that are done."""

    def __init__(
        self, runner: NodeRunner, pipeline: Pipeline, catalog: DataCatalog, run_id: str | None, workers: Workers
    ) -> None:
        self._runner, self._pipeline, self._catalog = runner, pipeline, catalog
        self._run_id, self._workers = run_id, workers
        nodes = pipeline.nodes
        self._nodes = {node.name: node for node in nodes}
        self._place = {name: place for place, name in enumerate(self._nodes)}
        # By names: the hash of a node is made of all of its inputs each time.
        needs = {node.name: [each.name for each in needed] for node, needed in pipeline.node_dependencies.items()}
        self._order = TopologicalSorter(needs)
        self._order.prepare()
        self._ready: list[int] = []
        self._names = list(self._nodes)
        self._at_work: dict[str, Any] = {}
        self._ended: SimpleQueue[str] = SimpleQueue()
        self._done: list[Node] = []
        self._killed: Counter[str] = Counter()
        self._again: deque[str] = deque()
        self._is_alone = False
        self._error: BaseException | None = None
        self._loads = Counter(chain.from_iterable(node.inputs for node in nodes))
        self._stays = pipeline.inputs() | pipeline.outputs()

    def finish_all(self) -> None:
        """Run all nodes; after an error, those that are at work end, and no other starts."""
        self._start_nodes()
        while self._at_work:
            try:
                name = self._ended.get(timeout=_LOOK_AFTER_SECONDS)
            except Empty:
                self._workers.check()
                continue
            self._end(name)
            self._start_nodes()
        if self._error is not None:
            self._runner._suggest_resume_scenario(self._pipeline, self._done, self._catalog)
            raise self._error

    def _start_nodes(self) -> None:
        if self._error is not None:
            return
        for name in self._order.get_ready():
            heapq.heappush(self._ready, self._place[name])
        if self._again and not self._at_work:
            self._is_alone = True
            self._start(self._again.popleft())
        while self._may_start() and self._workers.has_room():
            self._start(self._names[heapq.heappop(self._ready)])

    def _may_start(self) -> bool:
        return bool(self._ready) and not (self._again or self._is_alone or self._error)

    def _start(self, name: str, killed: WorkerKilledError | None = None) -> None:
        node = self._nodes[name]
        cut = leave_out_inputs if killed else cut_catalog
        task = NodeTask(node, cut(self._catalog, node), self._run_id, self._runner._is_async, killed)
        try:
            packed = task.pack()
        except Exception as error:
            reason = f"cannot be given to another process: {error}"
            self._error = NodeError(f"node {name}", reason, "use functions and datasets that can be pickled")
            return
        future = self._workers.start(node, packed)
        self._at_work[name] = future
        future.add_done_callback(_Note(self._ended, name))

    def _end(self, name: str) -> None:
        self._is_alone = False
        try:
            outcome = Outcome.unpack(self._workers.finish(self._at_work.pop(name)))
        except WorkerKilledError as error:
            self._try_again(name, error)
            return
        except Exception as error:
            outcome = Outcome(error)
        if (error_of_node := outcome.find_error()) is not None:
            self._error = self._error or error_of_node
            return
        self._note_done(self._nodes[name], outcome)

    def _try_again(self, name: str, error: WorkerKilledError) -> None:
        self._killed[name] += 1
        if self._killed[name] < self._runner.attempts:
            LOGGER.warning("%s; it is tried again, with no other node next to it", error)
            self._again.append(name)
        elif self._killed[name] == self._runner.attempts and fail_instead(self._nodes[name].func, error) is not None:
            self._start(name, error)
        else:
            self._error = self._error or error

    def _note_done(self, node: Node, outcome: Outcome) -> None:
        for name, value in outcome.kept.items():
            self._catalog[name].save(value)
        self._order.done(node.name)
        self._done.append(node)
        self._runner._logger.info("Completed node: %s", node.name)
        self._runner._logger.info("Completed %d out of %d tasks", len(self._done), len(self._nodes))
        for name in node.inputs:
            self._loads[name] -= 1
        for name in dict.fromkeys((*node.inputs, *node.outputs)):
            if self._loads[name] < 1 and name not in self._stays:
                self._catalog.release(name)


class _Note:
    """Notes that a node has ended, from whichever thread."""

    def __init__(self, ended: SimpleQueue[str], name: str) -> None:
        self._put: Callable[[str], None] = ended.put
        self._name = name

    def __call__(self, _future: Any) -> None:
        self._put(self._name)
