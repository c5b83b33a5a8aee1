"""What `measure` makes, by name: the report and the decision begin when the last of it is there."""

from __future__ import annotations

from emb_pipeline.experiment.model import Experiment
from emb_pipeline.tasks.registry import KINDS

NAMESPACE = "report"
"""What the page shows is one item in the graph with what is measured for it."""
REQUEST_TIMES = f"{NAMESPACE}.request_times"


def searched_tasks(experiment: Experiment) -> list[str]:
    """The tasks whose passages are searched."""
    return [task for task, kind in experiment.tasks.items() if "search" in KINDS[kind].requires]


def searches_of(task: str) -> str:
    """The table of a task's searches."""
    return f"{NAMESPACE}.{task}.searches"


def last_timed(experiment: Experiment) -> str:
    """The dataset that is made last of all that is timed."""
    searched = searched_tasks(experiment)
    return searches_of(searched[-1]) if searched else REQUEST_TIMES
