"""A use case as the rounds of a budgeted run see it: its grid, its data, and the nodes of its cells."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner

from emb_pipeline.choosing.cells import list_arguments
from emb_pipeline.choosing.services import ESTIMATE
from emb_pipeline.experiment.choosing import ChoosingOptions
from emb_pipeline.experiment.model import Experiment
from emb_pipeline.provenance.node_fingerprints import find_output, fingerprint_results
from emb_pipeline.provenance.package_code import build_code_graph
from emb_pipeline.provenance.raw_files import FileHashes
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.embedding_facts import CONTROL

FOLDER = "rounds"
_LAST = ".item_scores"


@dataclass(frozen=True)
class UseCase:
    """A use case, as far as the rounds need it.

    Attributes
    ----------
    experiment : Experiment
        Its grid.
    parameters : dict
        Its parameters.
    catalog : DataCatalog
        Its data.
    pipeline : Pipeline
        All of its nodes.
    runner : callable
        Makes a runner.
    n_workers : int
        Nodes that it runs at once.
    """

    experiment: Experiment
    parameters: Mapping[str, Any]
    catalog: DataCatalog
    pipeline: Pipeline
    runner: Callable[[], AbstractRunner]
    n_workers: int

    @property
    def options(self) -> ChoosingOptions:
        """Options of the rounds."""
        return ChoosingOptions.model_validate(self.parameters.get("choosing") or {})

    @property
    def folder(self) -> Path:
        """The folder of what the rounds make."""
        return Path(self.parameters["folders"]["scratch"]) / FOLDER / str(self.parameters["use_case"])

    @property
    def decision(self) -> DecisionOptions:
        """Options of the decision."""
        return DecisionOptions.model_validate(self.parameters.get("decision") or {})

    def find_margin(self, task: str) -> float:
        """Find how much worse than the best is still good enough."""
        return self.decision.margins.get(task, self.decision.margin)

    def find_reason_to_keep(self, task: str) -> str:
        """Find why nothing may be dropped on a task: the best may turn out to be none that can be chosen."""
        if limits := [name for name, limit in self.decision.budgets.items() if limit is not None]:
            return f"decision.budgets limits {', '.join(limits)}, and the best may be above that"
        if self.decision.labels is not None:
            return "decision.labels limits the labels, and the best of all labels may be another"
        if task in self.decision.refuse:
            return "decision.refuse requires a cut-off, and the best may have none"
        return ""


def find_cell_nodes(experiment: Experiment, pipeline: Pipeline) -> dict[tuple[str, str], Node]:
    """Find the nodes that evaluate the embeddings that are compared, by (embedding, task).

    A further seed of an embedding follows the first one. Controls are evaluated at the end, whole.
    """
    makers = {name: node for node in pipeline.nodes for name in node.outputs if name.endswith(_LAST)}
    return {
        (cell.name, task): makers[f"{cell.name}.{task}{_LAST}"]
        for cell in experiment.cells
        if cell.repeats is None and cell.origin != CONTROL and not cell.shuffle_labels
        for task in experiment.tasks_of(cell)
    }


def list_prepared(experiment: Experiment, pipeline: Pipeline) -> list[str]:
    """List what has to be there before the first round: examples, and what was trained."""
    nodes = find_cell_nodes(experiment, pipeline).values()
    taken = {name for node in nodes for name in list_arguments(node).values()}
    made = pipeline.all_outputs()
    wanted = (name for name in taken if not name.startswith("params:") and not name.endswith(ESTIMATE))
    return sorted({find_output(name, made) for name in wanted})


def fingerprint_cells(use_case: UseCase) -> dict[tuple[str, str], str]:
    """Compute the fingerprint of each whole cell."""
    remembered = Path(use_case.parameters["folders"]["scratch"])
    code = build_code_graph(store=remembered / ".code_summaries.json")
    hashes = FileHashes(remembered / ".file_hashes.json")
    made = fingerprint_results(use_case.pipeline, use_case.parameters, code=code, hashes=hashes)
    code.keep()
    hashes.keep()
    return {key: made[f"{key[0]}.{key[1]}{_LAST}"] for key in find_cell_nodes(use_case.experiment, use_case.pipeline)}


def name_question(fingerprints: Mapping[tuple[str, str], str]) -> str:
    """Name what is asked: another one where anything that a cell is made from is another."""
    return hashlib.sha256(json.dumps(sorted(fingerprints.items())).encode()).hexdigest()[:16]
