"""Choose an embedding under the budgets, and hand it over.

<origin>.scores, report.request_times ──► decide ──► decision, relaxations, sizes ──► export_chosen ──► deployment
tasks@<task> ──────────────────────────────────────────────────────────────────────────────┘         (a bundle per task)

Nothing is decided while `measure` still times something.
"""

from __future__ import annotations

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment.model import Experiment
from emb_pipeline.pipelines.decide import nodes
from emb_pipeline.pipelines.timed import NAMESPACE, REQUEST_TIMES, last_timed
from emb_pipeline.provenance.reuse import AGGREGATE

STAGE, EXPORT = "decide", "deploy"
PARAMETERS = {"options": "params:decision", "report": "params:report", "embeddings": "params:embeddings"}


def build(experiment: Experiment) -> Pipeline:
    """The stage that chooses: seconds, from stored scores."""
    scores = {f"{origin}_scores": f"{origin}.scores" for origin in experiment.origins}
    takes = {**PARAMETERS, "times": "request_times", "after": "last_timed", **{name: name for name in scores}}
    steps = [
        node(nodes.decide_on_embedding, takes, ["decision", "relaxations", "joint_choice"], name="decide_on_embedding"),
        node(nodes.choose_sizes, takes, "sizes", name="choose_sizes"),
    ]
    return pipeline(
        steps,
        namespace=NAMESPACE,
        inputs={"request_times": REQUEST_TIMES, "last_timed": last_timed(experiment), **scores},
        outputs={"decision", "relaxations", "sizes"},
        parameters=set(PARAMETERS.values()),
        tags=[STAGE, AGGREGATE],
    )


def build_export(experiment: Experiment) -> Pipeline:
    """The stage that hands over: fits the chosen probes and writes a bundle for each task."""
    tasks = {f"task_{task}": f"tasks@{task}" for task in experiment.tasks}
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
        tags=[EXPORT, AGGREGATE],
    )
