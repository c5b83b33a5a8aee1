"""Export what was chosen, ready to be served.

decision ───────────┐
<origin>.scores ────┤
examples@<task> ────┴──► export_chosen ──► deployment    (a bundle per task)
"""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment.model import Experiment
from emb_pipeline.pipelines.deploy import nodes
from emb_pipeline.pipelines.timed import EMBEDDING_FACTS, NAMESPACE
from emb_pipeline.provenance.reuse import AGGREGATE

STAGE = "deploy"


def create_pipeline(*, experiment: Experiment, **kwargs: Any) -> Pipeline:
    """Create the pipeline that exports: it fits the chosen probes and writes a bundle for each task."""
    tasks = {f"task_{task}": f"examples@{task}" for task in experiment.tasks}
    scores = {f"scores_{origin}": f"{origin}.scores" for origin in experiment.origins}
    definitions = {f"definition_{task}": f"params:tasks.{task}" for task in experiment.tasks}
    parameters = {"options": "params:deploy", "cutoffs": "params:cutoffs", "report": "params:report"}
    parameters |= {"folders": "params:folders", **definitions}
    takes = {"decision": "decision", "facts": "embedding_facts", **parameters, **{name: name for name in (*tasks, *scores)}}
    return pipeline(
        [node(nodes.export_chosen, takes, "deployment", name="export_chosen")],
        namespace=NAMESPACE,
        inputs={"decision": "decision", "embedding_facts": EMBEDDING_FACTS, **tasks, **scores},
        outputs={"deployment"},
        parameters=set(parameters.values()),
        tags=[STAGE, AGGREGATE],
    )
