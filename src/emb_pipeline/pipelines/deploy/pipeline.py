"""Export what was chosen, ready to be served.

decision ───────────┐
examples@<task> ────┴──► export_chosen ──► deployment    (a bundle per task)
"""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment.model import Experiment
from emb_pipeline.pipelines.decide import nodes
from emb_pipeline.pipelines.timed import NAMESPACE
from emb_pipeline.provenance.reuse import AGGREGATE

STAGE = "deploy"


def create_pipeline(*, experiment: Experiment, **kwargs: Any) -> Pipeline:
    """Create the pipeline that exports: it fits the chosen probes and writes a bundle for each task."""
    tasks = {f"task_{task}": f"examples@{task}" for task in experiment.tasks}
    parameters = {
        "options": "params:deploy",
        "embeddings": "params:embeddings",
        "definitions": "params:tasks",
        "folders": "params:folders",
    }
    takes = {"decision": "decision", **parameters, **{name: name for name in tasks}}
    return pipeline(
        [node(nodes.export_chosen, takes, "deployment", name="export_chosen")],
        namespace=NAMESPACE,
        inputs={"decision": "decision", **tasks},
        outputs={"deployment"},
        parameters=set(parameters.values()),
        tags=[STAGE, AGGREGATE],
    )
