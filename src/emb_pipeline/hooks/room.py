"""The hook that refuses a run that cannot fit this machine, before anything is read or trained."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node

from emb_pipeline.config.active import build_active_experiment, load_active_parameters, project_path
from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.hooks.display.guess import Guess
from emb_pipeline.hooks.display.plan import find_missing
from emb_pipeline.hooks.sizes import LOWEST, Sizes
from emb_pipeline.storage.free_memory import find_free_memory

LOGGER = logging.getLogger(__name__)
_GIGA = 1e9


class NoRoomError(EmbPipelineError):
    """A run that cannot fit this machine's memory or disk."""


class Room:
    """Compares the memory and the disk that a run takes with what is free.

    A run is refused where even the lowest estimate does not fit; where the expected one does not, a warning says so.
    ``machine: {check: false}`` turns both off.
    """

    @hook_impl
    def before_pipeline_run(self, run_params: Mapping[str, Any], pipeline: Any, catalog: Any) -> None:
        """Compare, before the first step; a run that continues needs room for what is missing."""
        parameters = load_active_parameters()
        if not (parameters.get("machine") or {}).get("check", True):
            return
        sizes = Sizes(build_active_experiment(), Guess(parameters, project_path()))
        folder = str(parameters["folders"]["models"])
        if run_params.get("only_missing_outputs") and not fits(pipeline.nodes, sizes, folder):
            pipeline = find_missing(pipeline, catalog)
        require_room(pipeline.nodes, sizes, folder)


def fits(nodes: Iterable[Node], sizes: Sizes, folder: str) -> bool:
    """Say whether what some steps are expected to take is free."""
    return all(need.expected <= need.free for need in _list_needs(nodes, sizes, folder))


def require_room(
    nodes: Iterable[Node],
    sizes: Sizes,
    folder: str,
    *,
    free_memory: float | None = None,
    free_disk: float | None = None,
) -> None:
    """Refuse steps that cannot fit, and warn of those that may not.

    Parameters
    ----------
    nodes : iterable of Node
        The steps.
    sizes : Sizes
        Estimates for the use case.
    folder : str
        Where results are, or will be; a URL has no end of space.
    free_memory, free_disk : float, optional
        Bytes; those of this machine by default.

    Raises
    ------
    NoRoomError
        Even half of what is expected does not fit.
    """
    for kind, expected, free, other in _list_needs(nodes, sizes, folder, free_memory, free_disk):
        words = (f"it takes about {expected / _GIGA:,.1f} GB of {kind}", f"{free / _GIGA:,.1f} GB are free")
        if LOWEST * expected > free:
            raise NoRoomError(
                f"this run ({kind})",
                f"{words[0]}, and no less than half of that; {words[1]}",
                f"take fewer examples (sample: under the task) or less text (corpus_options: max_tokens), {other}, or set "
                "machine: check to false if the estimate is wrong",
            )
        if expected > free:
            LOGGER.warning("%s, and %s: it may not fit", *words)


class _Need(NamedTuple):
    kind: str
    expected: float
    free: float
    other: str


def _list_needs(
    nodes: Iterable[Node],
    sizes: Sizes,
    folder: str,
    free_memory: float | None = None,
    free_disk: float | None = None,
) -> list[_Need]:
    """List what some steps are expected to take, with what is free, and a way out that is its own."""
    steps = list(nodes)
    free_memory = find_free_memory() if free_memory is None else free_memory
    free_disk = find_free_disk(folder) if free_disk is None else free_disk
    return [
        _Need("memory", sizes.estimate_memory(steps), free_memory, "run it on a machine with more memory"),
        _Need("disk space", sizes.estimate_disk(steps), free_disk, "name a larger disk as data_root in globals.yml"),
    ]


def find_free_disk(folder: str) -> float:
    """Find the bytes that are free where a folder is, or will be; without end where it is a URL."""
    if "://" in folder:
        return math.inf
    place = Path(folder).absolute()
    there = next(each for each in (place, *place.parents) if each.exists())
    return float(shutil.disk_usage(there).free)
