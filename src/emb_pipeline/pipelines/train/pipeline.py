"""Train every embedding of the grid on its corpus, or load it from a file.

corpora@<corpus> ──► train_<method> ──► <corpus>.<method>_<dim>.vectors
                                    └─► <corpus>.<method>_<dim>.training    (seconds, peak memory, loss; a run in MLflow)
"""

from __future__ import annotations

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment import EmbeddingCell, Experiment
from emb_pipeline.pipelines.train import nodes

STAGE = "train"


def build(experiment: Experiment) -> Pipeline:
    """The training stage of an experiment."""
    return sum((_train(cell, experiment) for cell in experiment.cells if cell.is_trained), Pipeline([]))


def _train(cell: EmbeddingCell, experiment: Experiment) -> Pipeline:
    parameters = {"params:cell": f"params:embeddings.{cell.name}", "params:training": "params:training"}
    outputs = ["vectors", "training"]
    if cell.origin in experiment.corpora:
        step = node(nodes.train_vectors, ["corpus", "params:cell", "params:training"], outputs, name=f"train_{cell.method}")
        inputs = {"corpus": f"corpora@{cell.origin}"}
    else:
        step = node(nodes.load_vectors, ["params:cell"], outputs, name=f"load_{cell.method}")
        inputs, parameters = {}, {"params:cell": parameters["params:cell"]}
    return pipeline([step], namespace=cell.name, inputs=inputs, parameters=parameters, tags=[STAGE, cell.method])
