"""Names of the datasets that `measure` makes: the report and the decision begin when the last of them is there."""

from __future__ import annotations

from emb_pipeline.experiment.model import Experiment
from emb_pipeline.tasks.registry import KINDS

NAMESPACE = "report"
"""What the page shows is one item in the graph with what is measured for it."""
EMBEDDING_FACTS = f"{NAMESPACE}.embedding_facts"
REQUEST_TIMES = f"{NAMESPACE}.request_times"
MATRIX_OPERATIONS = "matrix_operations"


def list_searched_tasks(experiment: Experiment) -> list[str]:
    """List the tasks whose passages are searched."""
    return [task for task, kind in experiment.tasks.items() if "search" in KINDS[kind].requires]


def name_searches(task: str) -> str:
    """Name the table of a task's searches."""
    return f"{NAMESPACE}.{task}.searches"


def name_last_timed(experiment: Experiment) -> str:
    """Name the dataset that is made last of all that is timed."""
    searched = list_searched_tasks(experiment)
    return name_searches(searched[-1]) if searched else MATRIX_OPERATIONS
