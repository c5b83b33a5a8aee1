"""Look at word vectors by themselves, all those of one origin in one step.

<origin>.<embedding>.vectors ─────┐
examples@<task>, tokens@<corpus> ─┴─► diagnose_vectors ──► <origin>.diagnosis ──► collect_embeddings (of the stage evaluate)
"""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment.model import Experiment
from emb_pipeline.pipelines.diagnose import nodes
from emb_pipeline.provenance.reuse import AGGREGATE

STAGE = "diagnose"


def create_pipeline(*, experiment: Experiment, **kwargs: Any) -> Pipeline:
    """Create the pipeline that looks at the word vectors of each origin."""
    return Pipeline([_diagnose(origin, experiment) for origin in list_diagnosed_origins(experiment)])


def list_diagnosed_origins(experiment: Experiment) -> list[str]:
    """List the origins with word vectors."""
    return [origin for origin in experiment.origins if any(_list_vectors(origin, experiment))]


def _list_vectors(origin: str, experiment: Experiment) -> list[str]:
    return [
        cell.key for cell in experiment.cells if cell.origin == origin and cell.artifact == "vectors" and not cell.tuned_on
    ]


def _diagnose(origin: str, experiment: Experiment) -> Pipeline:
    vectors = {f"vectors_{origin}.{key}": f"{origin}.{key}.vectors" for key in _list_vectors(origin, experiment)}
    tasks = {f"task_{task}": f"examples@{task}" for task in experiment.tasks}
    corpora = {f"corpus_{corpus}": f"tokens@{corpus}" for corpus in experiment.corpora}
    cells = {name.replace("vectors_", "cell_", 1): f"params:embeddings.{name.removeprefix('vectors_')}" for name in vectors}
    parameters = {"options": "params:diagnosis", "folders": "params:folders", "seed": "params:seed", **cells}
    takes = {**parameters, **{name: name for name in (*vectors, *tasks, *corpora)}}
    return pipeline(
        [node(nodes.diagnose_vectors, takes, "diagnosis", name="diagnose_vectors")],
        namespace=origin,
        inputs={**vectors, **tasks, **corpora},
        parameters=set(parameters.values()),
        tags=[STAGE, AGGREGATE],
    )
