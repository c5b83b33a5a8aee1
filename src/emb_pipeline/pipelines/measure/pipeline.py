"""Search for the passages of each retrieval task: exactly, and with each index, in Milvus or in this process.

<origin>.scores ───────────┐
tasks@<task> ──────────────┼──► search_<task> ──► report.<task>.searches ──► collect_searches ──► vector_search
tasks@<task>.collection ───┘
"""

from __future__ import annotations

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment import Experiment
from emb_pipeline.pipelines.measure import nodes
from emb_pipeline.provenance import AGGREGATE
from emb_pipeline.tasks.registry import KINDS

STAGE = "measure"
NAMESPACE = "report"
"""What the page shows is one item in the graph with it."""
PARAMETERS = {
    "options": "params:vector_search",
    "report": "params:report",
    "embeddings": "params:embeddings",
    "folders": "params:folders",
}


def build(experiment: Experiment) -> Pipeline:
    """The stage that measures vector search."""
    tasks = [task for task, kind in experiment.tasks.items() if "search" in KINDS[kind].needs]
    scores = {f"{origin}_scores": f"{origin}.scores" for origin in experiment.origins}
    collections = {f"{task}_collection": f"tasks@{task}.collection" for task in tasks} if experiment.needs_store else {}
    examples = {f"task_{task}": f"tasks@{task}" for task in tasks}
    searches = {f"{task}_searches": f"{NAMESPACE}.{task}.searches" for task in tasks}
    steps = []
    for task in tasks:
        takes = {
            **PARAMETERS,
            "task": f"task_{task}",
            "definition": f"params:tasks.{task}",
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
        [*steps, gathered],
        namespace=NAMESPACE,
        inputs={**scores, **examples, **collections} if tasks else None,
        outputs={**searches, "vector_search": "vector_search"},
        parameters={name for step in (*steps, gathered) for name in step.inputs if name.startswith("params:")},
        tags=[STAGE, AGGREGATE],
    )
