"""The plan of a run before it starts: its nodes, those whose results are there already, and the time it takes."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import SequentialRunner

from emb_pipeline.hooks.display.durations import Durations

_SURE, _SIMILAR, _GUESSED = (0.8, 1.25), (0.6, 1.7), (0.35, 2.5)
"""Factors of the range, by where the time of a node comes from: itself, nodes like it, a constant."""
_CELL = "metrics"


@dataclass(frozen=True)
class Plan:
    """A run that is about to start.

    Attributes
    ----------
    nodes : list of tuple
        Name, stage, cell (embedding, task) or None, expected seconds, and whether it runs.
    estimate : tuple of float
        Lowest, expected and highest seconds of the whole.
    is_known : bool
        Whether most of the time is known from earlier runs.
    """

    nodes: list[tuple[str, str, tuple[str, str] | None, float, bool]]
    estimate: tuple[float, float, float]
    is_known: bool


def plan_run(
    pipeline: Pipeline,
    catalog: DataCatalog,
    stages: list[str],
    cells: Sequence[tuple[str, str]],
    *,
    is_only_missing: bool,
    n_workers: int,
    durations: Durations,
    guess: Callable[[Node], float],
) -> Plan:
    """List the nodes of a run in the order of the stages, and estimate its time.

    Parameters
    ----------
    pipeline, catalog
        As Kedro gives them to hooks.
    stages : list of str
        Names of the stages, which are tags of nodes.
    cells : sequence of tuple of str
        Embedding and task of each cell, in the order of the grid.
    is_only_missing : bool
        Whether nodes whose results are there are left out.
    n_workers : int
        Nodes that run at once.
    durations : Durations
        Of earlier runs.
    guess : function
        Gives the seconds of a node that no earlier run tells.
    """
    running = find_missing(pipeline, catalog) if is_only_missing else pipeline
    names = {node.name for node in running.nodes}
    expected: dict[str, float] = {}
    low = high = total = known = 0.0
    for node in pipeline.nodes:
        seconds, (down, up) = expect_seconds(node, durations, guess)
        expected[node.name] = seconds
        if node.name in names:
            low, high, total = low + down * seconds, high + up * seconds, total + seconds
            known += seconds if (down, up) == _SURE else 0.0
    whole = simulate(running.node_dependencies, expected, n_workers)
    estimate = (whole * low / total, whole, whole * high / total) if total else (0.0, 0.0, 0.0)
    rows = [
        (node.name, _find_stage(node, stages), find_cell(node), round(expected[node.name], 3), node.name in names)
        for node in pipeline.nodes
    ]
    order = {cell: number for number, cell in enumerate(cells)}
    rows.sort(key=lambda row: ((*stages, "").index(row[1]), order.get(row[2], -1) if row[2] else -1))
    return Plan(rows, estimate, known > total / 2)


def find_missing(pipeline: Pipeline, catalog: DataCatalog) -> Pipeline:
    """Find the nodes that Kedro runs under ``--only-missing-outputs``."""
    logger = logging.getLogger("kedro.runner")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # Kedro says the same again when it runs them
    try:
        return SequentialRunner()._filter_pipeline_for_missing_outputs(pipeline, catalog)
    finally:
        logger.setLevel(level)


def find_cell(node: Node) -> tuple[str, str] | None:
    """Find the embedding and the task that a node scores."""
    for name in node.outputs:
        place, _, leaf = name.rpartition(".")
        if leaf == _CELL and "." in place:
            embedding, _, task = place.rpartition(".")
            return embedding, task
    return None


def simulate(dependencies: Mapping[Node, set[Node]], expected: Mapping[str, float], n_workers: int) -> float:
    """Give the time at which the last node ends where each free worker takes the next node that is ready."""
    waits = {node: {each for each in needed if each in dependencies} for node, needed in dependencies.items()}
    follows: dict[Node, list[Node]] = {node: [] for node in waits}
    for node, needed in waits.items():
        for each in needed:
            follows[each].append(node)
    ready = [node for node, needed in waits.items() if not needed]
    running: list[tuple[float, str, Node]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < n_workers:
            node = ready.pop(0)
            heapq.heappush(running, (now + expected[node.name], node.name, node))
        now, _, ended = heapq.heappop(running)
        for node in follows[ended]:
            waits[node].discard(ended)
            if not waits[node]:
                ready.append(node)
    return now


def expect_seconds(node: Node, durations: Durations, guess: Callable[[Node], float]) -> tuple[float, tuple[float, float]]:
    """Give the expected seconds of a node, and the factors of their range."""
    if (seconds := durations.seconds.get(node.name)) is not None:
        return seconds, _SURE
    if (seconds := durations.find_similar(node.name)) is not None:
        return seconds, _SIMILAR
    return guess(node), _GUESSED


def _find_stage(node: Node, stages: list[str]) -> str:
    return next((stage for stage in stages if stage in node.tags), "")


def describe_plan(plan: Plan, n_workers: int, write: Callable[[float], str]) -> str:
    """Say in one line what runs and how long that takes."""
    running = sum(row[-1] for row in plan.nodes)
    reused = len(plan.nodes) - running
    low, mean, high = (write(seconds) for seconds in plan.estimate)
    parts: list[Any] = [f"{running} nodes to run"]
    if reused:
        parts.append(f"{reused} reused")
    if running:
        source = "from earlier runs" if plan.is_known else "a rough estimate"
        workers = f" with {n_workers} workers" if n_workers > 1 else ""
        parts.append(f"about {mean} ({low} to {high}){workers}, {source}")
    return ", ".join(parts)
