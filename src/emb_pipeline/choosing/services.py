"""The money that services behind embeddings ask for: estimated before a round by each embedding's own node."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from emb_pipeline.choosing.cells import list_arguments, read_parameters
from emb_pipeline.errors import DataError
from emb_pipeline.storage.failures import Failed

ESTIMATE = ".estimate"
"""End of the names of the datasets with what a service will ask for."""
_TASK = "task_"


def find_estimates(nodes: Mapping[tuple[str, str], Node], pipeline: Pipeline) -> dict[str, Node]:
    """Find the nodes that estimate what the cells' services ask for, by the name of what they make."""
    makers = {name: node for node in pipeline.nodes for name in node.outputs if name.endswith(ESTIMATE)}
    taken = {name for node in nodes.values() for name in list_arguments(node).values()}
    return {name: node for name, node in makers.items() if name in taken}


def estimate_service(node: Node, catalog: DataCatalog, tasks: Mapping[str, Mapping[str, Any]]) -> Any:
    """Estimate what a service will ask for those texts of tasks that are not encoded yet.

    Parameters
    ----------
    node : Node
        Estimates it for whole tasks.
    catalog : DataCatalog
        Of the run.
    tasks : mapping of str to mapping
        Tables of the tasks whose texts count, by the name of the task.
    """
    given: dict[str, Any] = {}
    for argument, name in list_arguments(node).items():
        if not argument.startswith(_TASK):
            given[argument] = catalog.load(name)
        elif argument.removeprefix(_TASK) in tasks:
            given[argument] = tasks[argument.removeprefix(_TASK)]
    return node.func(**read_parameters(node.func, given))


def read_known_usd(estimate: Any) -> float | None:
    """Read the dollars of an estimate; None where nobody knows the price."""
    usd = 0.0 if isinstance(estimate, Failed) else float(estimate["usd"][0].as_py())
    return None if math.isnan(usd) else usd


def read_usd(name: str, estimate: Any) -> float:
    """Read the dollars of an estimate.

    Raises
    ------
    DataError
        Nobody knows the price.
    """
    usd = read_known_usd(estimate)
    if usd is None:
        raise DataError(
            name.removesuffix(ESTIMATE),
            "its service has no price, and the budget is an amount of dollars",
            "write price_per_million_tokens (or price_per_thousand_searches), or give a time: --budget 10min",
        )
    return usd
