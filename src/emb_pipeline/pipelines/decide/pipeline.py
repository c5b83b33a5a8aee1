"""Choose an embedding under the budgets.

<origin>.scores, report.request_times ──► decide_on_embedding ──► decision, relaxations
                                        ├► try_budgets ──► budget_choices
                                        └► choose_sizes ──► sizes

Nothing is decided while `measure` still times something.
"""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment.model import Experiment
from emb_pipeline.pipelines.decide import nodes
from emb_pipeline.pipelines.timed import EMBEDDING_FACTS, NAMESPACE, REQUEST_TIMES, name_last_timed
from emb_pipeline.provenance.reuse import AGGREGATE

STAGE = "decide"
PARAMETERS = {"options": "params:decision", "report": "params:report"}


def create_pipeline(*, experiment: Experiment, **kwargs: Any) -> Pipeline:
    """Create the pipeline that chooses: seconds, from stored scores."""
    scores = {f"scores_{origin}": f"{origin}.scores" for origin in experiment.origins}
    takes = {
        **PARAMETERS,
        "facts": "embedding_facts",
        "times": "request_times",
        "after": "last_timed",
        **{name: name for name in scores},
    }
    steps = [
        node(nodes.decide_on_embedding, takes, ["decision", "relaxations", "joint_choice"], name="decide_on_embedding"),
        node(nodes.try_budgets, takes, "budget_choices", name="try_budgets"),
        node(nodes.choose_sizes, takes, "sizes", name="choose_sizes"),
    ]
    return pipeline(
        steps,
        namespace=NAMESPACE,
        inputs={
            "embedding_facts": EMBEDDING_FACTS,
            "request_times": REQUEST_TIMES,
            "last_timed": name_last_timed(experiment),
            **scores,
        },
        outputs={"decision", "relaxations", "budget_choices", "sizes"},
        parameters=set(PARAMETERS.values()),
        tags=[STAGE, AGGREGATE],
    )
