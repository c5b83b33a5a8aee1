"""The jobs of a run and what each needs, from the datasets that its steps take and leave."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from emb_pipeline.errors import EmbPipelineError


@dataclass(frozen=True)
class Job:
    """Steps that one process makes.

    Attributes
    ----------
    name : str
        The namespace of an embedding, or a stage.
    is_embedding : bool
        Whether it makes one embedding: training, tuning and evaluation.
    nodes : Pipeline
        Its steps.
    needs : tuple of str
        Names of the jobs that must have ended before.
    selection : mapping
        Options of ``kedro run`` that select exactly its steps, as Kedro names them to hooks.
    """

    name: str
    is_embedding: bool
    nodes: Pipeline
    needs: tuple[str, ...]
    selection: Mapping[str, list[str]]


def build_jobs(pipeline: Pipeline, embeddings: Iterable[str], stages: Sequence[str]) -> list[Job]:
    """Group the steps of a run into jobs: one for each embedding, and one for each stage's steps that belong to none.

    Parameters
    ----------
    pipeline : Pipeline
        All steps.
    embeddings : iterable of str
        The namespace of each embedding.
    stages : sequence of str
        Names of stages, which are tags of steps.

    Returns
    -------
    list of Job
        Each job after those that it needs.

    Raises
    ------
    EmbPipelineError
        Jobs need each other, so that none of them can be first.
    """
    spaces = frozenset(embeddings)
    of_node = {node: _find_embedding(node, spaces) or _find_stage(node, stages) for node in pipeline.nodes}
    groups: dict[str, list[Node]] = {}
    for node, name in of_node.items():
        groups.setdefault(name, []).append(node)
    needs: dict[str, set[str]] = {name: set() for name in groups}
    for node, producers in pipeline.node_dependencies.items():
        needs[of_node[node]] |= {of_node[producer] for producer in producers} - {of_node[node]}
    order = _sort(needs)
    return [
        Job(name, name in spaces, Pipeline(groups[name]), _pick(order, needs[name]), _select(pipeline, name, groups[name]))
        for name in order
    ]


def _find_embedding(node: Node, spaces: frozenset[str]) -> str | None:
    """Find the embedding that a step belongs to: the longest part of its namespace that is one."""
    words = (node.namespace or "").split(".")
    parts = (".".join(words[:end]) for end in range(len(words), 0, -1))
    return next((part for part in parts if part in spaces), None)


def _find_stage(node: Node, stages: Sequence[str]) -> str:
    return next(stage for stage in stages if stage in node.tags)


def _pick(order: Iterable[str], names: Container[str]) -> tuple[str, ...]:
    return tuple(name for name in order if name in names)


def _sort(needs: Mapping[str, Iterable[str]]) -> list[str]:
    try:
        return list(TopologicalSorter({name: sorted(found) for name, found in needs.items()}).static_order())
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise EmbPipelineError(
            f"jobs {circle}", "each needs the one before it, so that none can be first", "run it as one: kedro run"
        ) from error


def _select(pipeline: Pipeline, name: str, nodes: Sequence[Node]) -> Mapping[str, list[str]]:
    """Find the shortest options that select exactly these steps."""
    names = {node.name for node in nodes}
    if _find_names(pipeline.only_nodes_with_namespaces, [name]) == names:
        return {"namespaces": [name]}
    if _find_names(pipeline.only_nodes_with_tags, name) == names:
        return {"tags": [name]}
    return {"node_names": [node.name for node in nodes]}


def _find_names(select: Callable[[Any], Pipeline], wanted: Any) -> set[str]:
    try:
        return {node.name for node in select(wanted).nodes}
    except ValueError:  # no step is selected
        return set()
