"""One node as a task for a worker, and its outcome: bytes that only driver and worker understand."""

from __future__ import annotations

import lzma
import pickle
import traceback
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline.node import Node
from kedro.runner.task import Task

from emb_pipeline.provenance.node_fingerprints import is_data
from emb_pipeline.runners.errors import NodeError

_LARGE_BYTES, _LZMA = 50_000, b"\xfd7zXZ"
"""A task that takes hundreds of datasets is worth a slower compression; the first bytes of its result."""
_LEFT_OUT = "not loaded: the node does not run"


@dataclass(frozen=True)
class NodeTask:
    """A node and all that it takes to run it.

    Attributes
    ----------
    node : Node
        Its function is passed by name.
    catalog : DataCatalog
        Its own inputs and outputs alone: the whole catalog would go to each node, and grow with each.
    run_id : str, optional
        Kedro's.
    is_async : bool
        Whether inputs and outputs are loaded and saved in threads.
    killed : BaseException, optional
        The error to store in place of the results: the node's worker was killed.
    """

    node: Node
    catalog: DataCatalog
    run_id: str | None = None
    is_async: bool = False
    killed: BaseException | None = None

    def pack(self) -> bytes:
        """Pack it for a worker: names of hundreds of datasets are much alike, and so become small."""
        pickled = pickle.dumps(self)
        if len(pickled) < _LARGE_BYTES:
            return zlib.compress(pickled, 1)
        bare = replace(self, node=self.node._copy())  # without what the node remembers of itself
        return lzma.compress(pickle.dumps(bare), preset=1)

    @staticmethod
    def unpack(packed: bytes) -> NodeTask:
        """Unpack it on a worker."""
        decompress = lzma.decompress if packed.startswith(_LZMA) else zlib.decompress
        task: NodeTask = pickle.loads(decompress(packed))
        return task


@dataclass(frozen=True)
class Outcome:
    """The end of a node on a worker.

    Attributes
    ----------
    error : BaseException, optional
        The error that it ended with.
    traceback : str
        Of the error.
    kept : dict
        Outputs that no file holds, by their names.
    """

    error: BaseException | None = None
    traceback: str = ""
    kept: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_error(cls, place: str, error: BaseException) -> Outcome:
        """Make the outcome of a node that raised."""
        lines = "".join(traceback.format_exception(error))
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # an error may hold anything, and be made by any arguments
            error = NodeError(place, f"{type(error).__name__}: {error}", "the log has its traceback")
        return cls(error, lines)

    def pack(self) -> bytes:
        """Pack it for the driver."""
        return pickle.dumps(self)

    @staticmethod
    def unpack(packed: bytes) -> Outcome:
        """Unpack it in the driver."""
        outcome: Outcome = pickle.loads(packed)
        return outcome

    def find_error(self) -> BaseException | None:
        """Give the error with the worker's traceback as its cause."""
        if self.error is not None:
            self.error.__cause__ = RuntimeError(f"\n{self.traceback}")
        return self.error


def cut_catalog(catalog: DataCatalog, node: Node) -> DataCatalog:
    """Build a catalog of the inputs and outputs of a node alone."""
    names = dict.fromkeys((*node.inputs, *node.outputs))
    cut = DataCatalog({name: catalog[name] for name in names}, validation_enabled=catalog.validation_enabled)
    specs = catalog.validator_specs
    cut._validator_specs = {name: specs[name] for name in names if name in specs}
    return cut


def leave_out_inputs(catalog: DataCatalog, node: Node) -> DataCatalog:
    """Replace the data that a node takes: what describes the node is in its parameters."""
    kept = {name: catalog[name] for name in (*node.inputs, *node.outputs)}
    return DataCatalog({**kept, **{name: MemoryDataset(_LEFT_OUT) for name in node.inputs if is_data(name)}})


def find_kept(catalog: DataCatalog, names: Iterable[str]) -> dict[str, Any]:
    """Find the values of datasets that are kept in memory: another process does not see them."""
    return {name: catalog[name].load() for name in names if isinstance(catalog[name], MemoryDataset)}


def make_kedro_task(task: NodeTask, hook_manager: Any) -> Task:
    """Make Kedro's task of ours."""
    return Task(task.node, task.catalog, task.is_async, hook_manager, task.run_id)
