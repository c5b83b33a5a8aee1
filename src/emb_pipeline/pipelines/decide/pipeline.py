"""Choose an embedding under the budgets.

<origin>.scores, report.request_times ──► decide_on_embedding ──► decision, relaxations
                                        ├► try_budgets ──► budget_choices
                                        └► choose_sizes ──► sizes
Where a cut-off is required:            │
<origin>.scores, examples@<task> ──► measure_required_cutoffs

Nothing is decided while `measure` still times something.
"""

from __future__ import annotations

from typing import Any

from kedro.pipeline import Pipeline, node, pipeline

from emb_pipeline.experiment.model import Experiment
from emb_pipeline.pipelines.decide import cutoffs, nodes
from emb_pipeline.pipelines.timed import EMBEDDING_FACTS, NAMESPACE, REQUEST_TIMES, name_last_timed
from emb_pipeline.provenance.reuse import AGGREGATE

STAGE = "decide"
PARAMETERS = {"options": "params:decision", "report": "params:report"}
OF_CUTOFFS = {**PARAMETERS, "cutoffs": "params:cutoffs", "folders": "params:folders"}


def create_pipeline(*, experiment: Experiment, **kwargs: Any) -> Pipeline:
    """Create the pipeline that chooses: seconds, from stored scores, where no cut-off is required."""
    scores = {f"scores_{origin}": f"{origin}.scores" for origin in experiment.origins}
    tasks = {f"task_{task}": f"examples@{task}" for task in experiment.tasks} if experiment.refuses else {}
    given = {"facts": "embedding_facts", "after": "last_timed", **{name: name for name in scores}}
    takes = {**PARAMETERS, **given, "times": "request_times"}
    decides = {**takes, "choosing": "params:choosing", **({"cutoffs": "required_cutoffs"} if experiment.refuses else {})}
    steps = [
        node(nodes.decide_on_embedding, decides, ["decision", "relaxations", "joint_choice"], name="decide_on_embedding"),
        node(nodes.try_budgets, decides, "budget_choices", name="try_budgets"),
        node(nodes.choose_sizes, takes, "sizes", name="choose_sizes"),
    ]
    if experiment.refuses:
        definitions = {f"definition_{task}": f"params:tasks.{task}" for task in experiment.tasks}
        required = {**OF_CUTOFFS, **given, **definitions, **{name: name for name in tasks}}
        steps.append(node(cutoffs.measure_required_cutoffs, required, "required_cutoffs", name="measure_required_cutoffs"))
    return pipeline(
        steps,
        namespace=NAMESPACE,
        inputs={
            "embedding_facts": EMBEDDING_FACTS,
            "request_times": REQUEST_TIMES,
            "last_timed": name_last_timed(experiment),
            **scores,
            **tasks,
        },
        outputs={"decision", "relaxations", "budget_choices", "sizes"},
        parameters={name for step in steps for name in step.inputs if name.startswith("params:")},
        tags=[STAGE, AGGREGATE],
    )
