"""Choosing under a budget: how test units are added round by round, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from emb_pipeline.experiment.fast import keep_with_bases, name_cells
from emb_pipeline.experiment.schema import Strict

State = Literal["dropped", "remains"]
"""Of an embedding on a task after a round."""
DROPPED: State = "dropped"
REMAINS: State = "remains"


class Standing(Strict):
    """One embedding on one task after one round."""

    round: int = Field(ge=1, description="its number")
    task: str = Field(description="name of the task")
    kind: str = Field(description="its kind")
    embedding: str = Field(description="<origin>.<embedding>")
    origin: str = Field(description="its origin")
    method: str = Field(description="its method")
    dim: int | None = Field(default=None, description="its dimensions")
    tuned: bool = Field(default=False, description="whether it was fine-tuned")
    seed: int = Field(default=0, description="its seed")
    state: State = Field(description="dropped, or remains")
    metric: str = Field(description="primary metric of the task")
    n: int = Field(description="test units that were scored")
    of: int = Field(description="test units of the task")
    passages: int = Field(default=0, description="passages that were searched; 0 where nothing is")
    of_passages: int = Field(default=0, description="passages of the task")
    value: float = Field(description="mean score of the units")
    low: float | None = Field(default=None, description="lower end of its interval, which holds at all rounds at once")
    high: float | None = Field(default=None, description="upper end")
    best: str | None = Field(default=None, description="the embedding that it was held against")
    best_value: float | None = Field(default=None, description="the score of that one")
    behind: float | None = Field(default=None, description="how much worse than that one it is at least")
    allowed: float | None = Field(default=None, description="what that has to exceed for it to be dropped")
    seconds: float = Field(default=0.0, description="time of its evaluation in the round")
    share: float = Field(default=1.0, description="share of the test units")
    passage_share: float = Field(default=1.0, description="share of the passages")


class Outcome(Strict):
    """The end of the rounds of a budgeted run."""

    is_decided: bool = Field(description="whether all that remains is evaluated on all test units")
    reason: str = Field(default="", description="why not, where it is not")
    budget: str = Field(description="as it was given")
    level: float = Field(description="error level of all that was dropped")
    spent_seconds: float = Field(default=0.0, description="time until the last round")
    spent_usd: float = Field(default=0.0, description="what services asked for until then")
    full_seconds: float | None = Field(default=None, description="estimate for all embeddings on all test units")
    full_usd: float | None = Field(default=None, description="the same of what services would ask for")
    whole_tasks: tuple[str, ...] = Field(default=(), description="tasks that are in no round: evaluated whole at the end")
    standings: tuple[Standing, ...] = Field(default=(), description="of each round")


class ChoosingOptions(Strict):
    """Options of the rounds of a budgeted run."""

    level: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="probability of dropping, on any task, an embedding that the decision could still choose",
    )
    first: float = Field(default=1 / 16, gt=0, le=1, description="share of the test units of the first round")
    growth: float = Field(default=4.0, gt=1, le=100, description="by how much the share grows from round to round")
    passages: Literal["sample", "all"] = Field(
        default="sample",
        description="sample: embeddings search a part of the passages, and the best so far all; all: each searches all",
    )
    keep: tuple[str, ...] = Field(default=(), description="<origin>.<embedding>: those that are never dropped")
    outcome: Outcome | None = Field(default=None, description="what the rounds found; --budget fills it in")


def list_dropped(outcome: Outcome | None) -> frozenset[tuple[str, str]]:
    """List the cells that were dropped, each as (embedding, task)."""
    standings = outcome.standings if outcome else ()
    return frozenset((each.embedding, each.task) for each in standings if each.state == DROPPED)


def count_compared(outcome: Outcome | None) -> dict[str, int]:
    """Count the embeddings that were compared on each task, those among them that were dropped."""
    compared = {(each.task, each.embedding) for each in (outcome.standings if outcome else ())}
    return dict(Counter(task for task, _ in compared))


def keep_candidates(
    cells: Mapping[str, Mapping[str, dict[str, Any]]], options: ChoosingOptions
) -> dict[str, dict[str, Any]]:
    """Keep the embeddings of a budgeted run, and those that they are made from.

    What is there to explain a score is left out: embeddings from changed training text. What is dropped on all its tasks is
    left out, too.

    Parameters
    ----------
    cells : mapping
        All embeddings: ``{origin: {key: cell}}``.
    options : ChoosingOptions
        Those that stay in any case, and what the rounds found.
    """
    known = name_cells(cells)
    gone, whole = list_gone(options.outcome), set(options.outcome.whole_tasks if options.outcome else ())

    def is_wanted(name: str, cell: Mapping[str, Any]) -> bool:
        on_whole = bool(whole & set(cell.get("evaluate_on") or whole))
        return not cell.get("changed_text") and (on_whole or (cell.get("repeats") or name) not in gone)

    return keep_with_bases(cells, [name for name, cell in known.items() if name in options.keep or is_wanted(name, cell)])


def list_gone(outcome: Outcome | None) -> set[str]:
    """List the embeddings that were dropped on each of their tasks."""
    standings, dropped = outcome.standings if outcome else (), list_dropped(outcome)
    left = {each.embedding for each in standings if (each.embedding, each.task) not in dropped}
    return {name for name, _ in dropped} - left


def sample_tests(tasks: Mapping[str, dict[str, Any]], outcome: Outcome | None) -> dict[str, dict[str, Any]]:
    """Take the part of each task that the last round scored, where the budget did not allow for all of it."""
    if outcome is None or outcome.is_decided:
        return dict(tasks)
    last: dict[str, Standing] = {}
    for each in outcome.standings:
        before = last.get(each.task)
        if before is None or (each.round, -each.passage_share) > (before.round, -before.passage_share):
            last[each.task] = each
    return {
        name: {**task, "test_share": last[name].share, "passage_share": last[name].passage_share} if name in last else task
        for name, task in tasks.items()
    }
