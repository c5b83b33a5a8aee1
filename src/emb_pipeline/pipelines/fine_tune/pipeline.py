"""Adapt embeddings to a task's own training examples.

tasks@<task> ────────────────┐
<base>.vectors or .encoder ──┴─► fine_tune_<kind> ──► <base>_tuned_<task>.vectors or .encoder
                                                  ├─► <base>_tuned_<task>.predictions   (on held-out units)
                                                  └─► <base>_tuned_<task>.training      (seconds, memory, loss; in MLflow)
"""

from __future__ import annotations

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment import EmbeddingCell, Experiment
from emb_pipeline.pipelines.fine_tune import nodes

STAGE = "fine_tune"
STEPS = {"vectors": nodes.fine_tune_vectors, "encoder": nodes.fine_tune_encoder, None: nodes.fine_tune_from_scratch}


def build(experiment: Experiment) -> Pipeline:
    """The fine-tuning stage of an experiment."""
    cells = {cell.name: cell for cell in experiment.cells}
    return sum((_tune(cell, cells[str(cell.base)], experiment) for cell in cells.values() if cell.is_tuned), Pipeline([]))


def _tune(cell: EmbeddingCell, base: EmbeddingCell, experiment: Experiment) -> Pipeline:
    task = str(cell.tuned_on)
    sources = {"task": f"tasks@{task}"}
    if base.artefact:
        sources["base"] = f"{base.name}.{base.artefact}"
    parameters = {
        "params:cell": f"params:embeddings.{cell.name}",
        "params:definition": f"params:tasks.{task}",
        "params:folders": "params:folders",
    }
    step = node(
        STEPS[base.artefact],
        [*sources, *parameters],
        [str(cell.artefact), "training", "predictions"],
        name=f"fine_tune_{experiment.tasks[task]}",
    )
    return pipeline([step], namespace=cell.name, inputs=sources, parameters=parameters, tags=[STAGE, task, cell.method])
