"""Train embeddings on with the labels of a task.

examples@<task>, <base>.vectors or .encoder ──► fine_tune ──► <base>_tuned_<task>.vectors or .encoder
                                                       ├─► <base>_tuned_<task>.training       (seconds, losses)
                                                       └─► <base>_tuned_<task>.predictions    (of its test examples)

The other tasks that it is evaluated on are inputs, too: what they test is left out of what it learns from.
"""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment.model import EmbeddingSpec, Experiment
from emb_pipeline.pipelines.fine_tune import nodes
from emb_pipeline.pipelines.namespaces import find_namespace
from emb_pipeline.tasks.registry import KINDS

STAGE = "fine_tune"


def create_pipeline(*, experiment: Experiment, **kwargs: Any) -> Pipeline:
    """Create the pipeline that trains embeddings on with the labels of tasks."""
    tuned = [_fine_tune(cell, experiment) for cell in experiment.cells if cell.tuned_on and not cell.shares_training]
    return Pipeline(tuned)


def _fine_tune(cell: EmbeddingSpec, experiment: Experiment) -> Pipeline:
    kind = experiment.tasks[str(cell.tuned_on)]
    others = {f"tested_{task}": f"examples@{task}" for task in experiment.tasks_of(cell) if task != cell.tuned_on}
    inputs = {"task": f"examples@{cell.tuned_on}", "base": f"{cell.starts_from}.{cell.artifact}"}
    parameters = {
        "params:cell": f"params:embeddings.{cell.name}",
        "params:definition": f"params:tasks.{cell.tuned_on}",
        "params:folders": "params:folders",
    }
    function, predicted = (nodes.fine_tune_and_predict, ["predictions"]) if KINDS[kind].score else (nodes.fine_tune, [])
    made = [str(cell.artifact), "training", *predicted]
    step = node(function, [*inputs, *parameters, *others], made, name=f"fine_tune_{cell.method}")
    return pipeline(
        [step],
        namespace=find_namespace(cell),
        inputs={**inputs, **others},
        outputs={name: f"{cell.name}.{name}" for name in made},
        parameters=parameters,
        tags=[STAGE, str(cell.tuned_on), cell.method],
    )
