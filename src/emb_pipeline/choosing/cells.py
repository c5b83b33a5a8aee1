"""The cells of a round: each is evaluated by its own node of the pipeline, on a part of its task's test units."""

from __future__ import annotations

import hashlib
import inspect
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc
from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node
from pydantic import BaseModel

from emb_pipeline.datasets.tables import TableDataset
from emb_pipeline.storage.failures import Failed, load_failure
from emb_pipeline.storage.sealed_files import read_parquet

WITHOUT_CURVES = ("training_draws", "label_draws")
"""Options of evaluations that fit further probes: the rounds need the scores of one alone."""


@dataclass(frozen=True)
class RoundCell:
    """An embedding on a part of a task's test units.

    Attributes
    ----------
    embedding, task : str
        Its names.
    share, passage_share : float
        Shares of the test units, and of the passages.
    fingerprint : str
        Of what the whole cell would be made from.
    """

    embedding: str
    task: str
    share: float
    passage_share: float
    fingerprint: str

    def find_file(self, folder: Path) -> Path:
        """Name the file of its scores: another one where anything that it is made from is another."""
        made_from = json.dumps([self.fingerprint, self.share, self.passage_share])
        return folder / self.embedding / self.task / f"{hashlib.sha256(made_from.encode()).hexdigest()[:16]}.parquet"

    @property
    def output(self) -> str:
        """Name of its dataset."""
        return f"{self.embedding}.{self.task}.round"


@dataclass(frozen=True)
class ScorePart:
    """The step of one cell: evaluates it, and keeps the scores of its units by the primary metric.

    Attributes
    ----------
    step : callable
        The function of the cell's own node.
    share, passage_share : float
        Shares of the test units, and of the passages.
    """

    step: Callable[..., Any]
    share: float
    passage_share: float

    @property
    def __name__(self) -> str:
        return self.step.__name__

    def __call__(self, **given: Any) -> pa.Table | Failed:
        read = read_parameters(self.step, given)
        definition = read["definition"]
        few = {name: 0 for name in WITHOUT_CURVES if name in type(definition.evaluation).model_fields}
        evaluation = definition.evaluation.model_copy(update={**few, **({"label_counts": None} if few else {})})
        update = {"evaluation": evaluation, "test_share": self.share, "passage_share": self.passage_share}
        began = time.monotonic()
        made = self.step(**{**read, "definition": definition.model_copy(update=update)})
        seconds = time.monotonic() - began
        if isinstance(made[0], Failed):
            failed: Failed = made[0]
            return failed
        scores = made[0].filter(
            pc.and_(
                pc.equal(made[0]["metric"].cast(pa.string()), definition.primary_metric),
                pc.equal(made[0]["label_fraction"], 1.0),
            )
        )
        kept = scores.select(["unit_id", "group_id", "value"]).cast(SCORES.remove(3))
        return kept.append_column("seconds", pa.array([seconds] * kept.num_rows, pa.float64()))


SCORES = pa.schema([("unit_id", pa.string()), ("group_id", pa.string()), ("value", pa.float64()), ("seconds", pa.float64())])
"""Of a cell of a round; ``seconds``: of its evaluation, the same in each row."""


def build_round(
    cells: Sequence[RoundCell],
    nodes: Mapping[tuple[str, str], Node],
    catalog: DataCatalog,
    folder: Path,
    known: Mapping[str, Any],
) -> tuple[Pipeline, DataCatalog]:
    """Build the pipeline of a round, of those cells that are not there yet, and its catalog.

    Parameters
    ----------
    cells : sequence of RoundCell
        The cells of the round.
    nodes : mapping
        The node that evaluates each whole cell, by (embedding, task).
    catalog : DataCatalog
        Of the run: task, artifacts and parameters.
    folder : Path
        Where scores of rounds are.
    known : mapping
        Datasets of this round alone, by name.
    """
    steps: list[Node] = []
    datasets: dict[str, AbstractDataset[Any, Any]] = {}
    for cell in cells:
        file = cell.find_file(folder)
        if file.exists():
            continue
        own = nodes[cell.embedding, cell.task]
        takes = list_arguments(own)
        steps.append(
            node(
                ScorePart(own.func, cell.share, cell.passage_share),
                takes,
                cell.output,
                name=f"round.{cell.embedding}.{cell.task}",
            )
        )
        datasets[cell.output] = TableDataset(filepath=str(file))
        for name in takes.values():
            if name in known:
                datasets[name] = MemoryDataset(known[name])
            else:
                datasets[name] = MemoryDataset(catalog.load(name)) if name.startswith("params:") else catalog[name]
    return Pipeline(steps), DataCatalog(datasets)


def list_arguments(of: Node) -> dict[str, str]:
    """Name the dataset of each argument of a node's function."""
    given = of._inputs
    if isinstance(given, Mapping):
        return dict(given)
    names = [given] if isinstance(given, str) else list(given or ())
    return dict(zip(inspect.signature(of.func).parameters, names, strict=False))


def read_scores(cell: RoundCell, folder: Path) -> pa.Table | Failed:
    """Read the scores of a cell of a round, or why there are none."""
    file = cell.find_file(folder)
    return load_failure(file) or read_parquet(file)


def read_parameters(step: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Read the parameters among the arguments of a step by the models that it takes them as."""
    hints = get_type_hints(inspect.unwrap(step))
    return {name: _read(hints.get(name), value) for name, value in given.items()}


def _read(kind: Any, value: Any) -> Any:
    """Read a parameter by the model that the step takes it as."""
    if isinstance(kind, type) and issubclass(kind, BaseModel) and not isinstance(value, kind):
        return kind.model_validate(value)
    return value
