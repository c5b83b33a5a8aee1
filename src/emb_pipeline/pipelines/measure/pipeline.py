"""Time single requests, matrix operations, and searches of each retrieval task: exactly, and with each index.

params:embeddings ──► describe_embeddings ──► report.embedding_facts
<origin>.scores, examples@<task> ──► time_requests ──► report.request_times
                                          │
                                          ▼
                              time_matrix_operations ──► matrix_operations
                                          │
examples@<task>.collection ───────────────┴──► search_<task> ─► report.<task>.searches ─► collect_searches ──► vector_search

Times are worth what the machine left of itself. So these steps run one after the other, when everything that is
evaluated has been, and before anything else begins: under a runner that works side by side, too. Each takes what the one
before it made, and the first steps of the report and the decision take what the last one made.
"""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment.model import Experiment
from emb_pipeline.pipelines.measure import nodes
from emb_pipeline.pipelines.timed import MATRIX_OPERATIONS, NAMESPACE, list_searched_tasks, name_searches
from emb_pipeline.provenance.reuse import AGGREGATE

STAGE = "measure"
PARAMETERS = {
    "options": "params:vector_search",
    "report": "params:report",
    "folders": "params:folders",
}


def create_pipeline(*, experiment: Experiment, **kwargs: Any) -> Pipeline:
    """Create the pipeline that times requests and vector search."""
    tasks = list_searched_tasks(experiment)
    scores = {f"scores_{origin}": f"{origin}.scores" for origin in experiment.origins}
    collections = {f"{task}_collection": f"examples@{task}.collection" for task in tasks} if experiment.needs_store else {}
    examples = {f"task_{task}": f"examples@{task}" for task in experiment.tasks}
    searches = {f"{task}_searches": name_searches(task) for task in tasks}
    definitions = {f"definition_{task}": f"params:tasks.{task}" for task in experiment.tasks}
    timed = {"options": "params:latency", "folders": "params:folders", **definitions}
    timed |= {name: name for name in (*examples, *scores)}
    described = node(nodes.describe_embeddings, "params:embeddings", "embedding_facts", name="describe_embeddings")
    steps = [
        node(nodes.time_requests, timed, "request_times", name="time_requests"),
        node(
            nodes.time_matrix_operations,
            {"options": "params:matrix_operations", "after": "request_times"},
            MATRIX_OPERATIONS,
            name="time_matrix_operations",
        ),
    ]
    for task in tasks:
        takes = {
            **PARAMETERS,
            "task": f"task_{task}",
            "definition": f"params:tasks.{task}",
            "facts": "embedding_facts",
            "after": steps[-1].outputs[0],
            **{name: name for name in scores},
        }
        if experiment.needs_store:
            takes["store"] = f"{task}_collection"
        steps.append(node(nodes.search_passages, takes, f"{task}_searches", name=f"search_{task}"))
    gathered = node(
        nodes.collect_searches,
        {"use_case": "params:use_case", **{name: name for name in searches}},
        "vector_search",
        name="collect_searches",
    )
    return pipeline(
        [described, *steps, gathered],
        namespace=NAMESPACE,
        inputs={**scores, **examples, **collections},
        outputs={**searches, "vector_search": "vector_search", MATRIX_OPERATIONS: MATRIX_OPERATIONS},
        parameters={name for step in (described, *steps, gathered) for name in step.inputs if name.startswith("params:")},
        tags=[STAGE, AGGREGATE],
    )
