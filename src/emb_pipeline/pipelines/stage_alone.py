"""A stage that is run, or opened in Kedro-Viz, by itself: one dataset stands for all that is trained of an origin.

``train`` and ``fine_tune`` end with a table for each origin, ``domain.trainings`` and ``domain.tunings``: what each training
cost. The stages after them take ``domain.trainings@word2vec_100.vectors``, which is the file of
``domain.word2vec_100.vectors``. Kedro takes names that differ after an ``@`` for one dataset, and Kedro-Viz draws one item.

The whole run has neither: there, each evaluation takes what its own training has left, and waits for no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment.model import EmbeddingSpec, Experiment
from emb_pipeline.pipelines.gathering import split_inputs
from emb_pipeline.provenance.reuse import AGGREGATE
from emb_pipeline.storage.failures import Failed

ARTIFACTS = ("vectors", "encoder", "cross_encoder", "training", "predictions")
"""What a training leaves; predictions where a task's labels were learned from."""
TRAININGS = pa.schema(
    [
        ("embedding", pa.string()),
        ("method", pa.string()),
        *((name, pa.int64()) for name in ("dim", "seed", "corpus_tokens", "vocabulary", "peak_rss_bytes", "bytes")),
        *((name, pa.float64()) for name in ("train_seconds", "final_loss")),
        ("failed", pa.string()),
    ]
)
"""Columns of the table of an origin's trainings. ``failed``: the reason of one that failed; it has neither size nor cost."""


def gather_artifacts(stage: str, steps: Pipeline, experiment: Experiment) -> Pipeline:
    """Let a stage take, and leave, all that is trained of an origin as one dataset.

    Parameters
    ----------
    stage : str
        Its name.
    steps : Pipeline
        Its steps, as they are in the whole run.
    experiment : Experiment
        The grid.

    Returns
    -------
    Pipeline
        The same steps with other names of inputs, and one step more for each origin that the stage trains embeddings of.
    """
    cells = {f"{cell.name}.{artifact}": cell for cell in experiment.cells for artifact in ARTIFACTS}
    taken = {name: _name_part(cells[name], name) for name in steps.inputs() if name in cells}
    made: dict[tuple[str, str], dict[str, EmbeddingSpec]] = {}
    for name in sorted(cells.keys() & steps.all_outputs()):
        made.setdefault((cells[name].origin, _name_group(cells[name])), {})[name] = cells[name]
    gathered = [_collect(origin, group, outputs, stage) for (origin, group), outputs in made.items()]
    return Pipeline([pipeline(steps, inputs=taken), *gathered])


def _name_group(cell: EmbeddingSpec) -> str:
    return "tunings" if cell.tuned_on else "trainings"


def _name_part(cell: EmbeddingSpec, name: str) -> str:
    """Name an artifact as a part of what is gathered: ``domain.trainings@word2vec_100.vectors``."""
    return f"{cell.origin}.{_name_group(cell)}@{name.removeprefix(f'{cell.origin}.')}"


def _collect(origin: str, group: str, outputs: Mapping[str, EmbeddingSpec], stage: str) -> Pipeline:
    inputs = {f"{name.rpartition('.')[2]}_{cell.key}": name for name, cell in outputs.items()}
    parameters = {f"cell_{cell.key}": f"params:embeddings.{cell.name}" for cell in outputs.values()}
    takes = {**{name: name for name in inputs}, **parameters}
    return pipeline(
        [node(collect_trainings, takes, f"{group}@all", name=f"collect_{group}")],
        namespace=origin,
        inputs=inputs,
        parameters=set(parameters.values()),
        tags=[stage, AGGREGATE],
    )


def collect_trainings(**parts: Any) -> pa.Table:
    """Gather what each training of one origin cost, and why it failed; what else it left is only waited for."""
    records = split_inputs(parts, "training_")
    cells = [EmbeddingSpec.model_validate(each) for each in split_inputs(parts, "cell_").values()]
    return pa.Table.from_pylist([_describe(cell, records[cell.key]) for cell in cells], schema=TRAININGS)


def _describe(cell: EmbeddingSpec, record: Mapping[str, Any] | Failed) -> dict[str, Any]:
    row = {"embedding": cell.name, "method": cell.method, "dim": cell.dim, "seed": cell.seed}
    if isinstance(record, Failed):
        return {**row, "failed": record.reason}
    facts = {**record["params"], **record["metrics"], "final_loss": record["series"].get("loss", [None])[-1]}
    return {**{name: facts.get(name) for name in TRAININGS.names}, **row, "dim": facts["dim"]}
