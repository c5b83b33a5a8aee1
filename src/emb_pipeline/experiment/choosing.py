"""Choosing under a budget: how test units are added round by round, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from emb_pipeline.experiment.schema import Strict

State = Literal["dropped", "remains"]
"""Of an embedding on a task after a round."""
DROPPED: State = "dropped"
REMAINS: State = "remains"


class Standing(Strict):
    """One embedding on one task after one round.

    Attributes
    ----------
    n, of : int
        Test units that were scored, and those of the task.
    passages, of_passages : int
        The same of what was searched; 0 where nothing is.
    value, low, high : float
        Mean score of the units, and its interval, which holds at all rounds at once.
    best, best_value : str and float
        The embedding that it was held against, and its score.
    behind, allowed : float
        How much worse than that one it is at least, below 0 where it may be better; and how much it may be.
    seconds : float
        What its evaluation took in this round.
    """

    round: int = Field(ge=1)
    task: str
    kind: str
    embedding: str
    origin: str
    method: str
    dim: int | None = None
    tuned: bool = False
    seed: int = 0
    state: State
    metric: str
    n: int
    of: int
    passages: int = 0
    of_passages: int = 0
    value: float
    low: float | None = None
    high: float | None = None
    best: str | None = None
    best_value: float | None = None
    behind: float | None = None
    allowed: float | None = None
    seconds: float = 0.0
    share: float = 1.0
    passage_share: float = 1.0


class Outcome(Strict):
    """The end of the rounds of a budgeted run."""

    is_decided: bool = Field(description="whether all that remains is evaluated on all test units")
    reason: str = Field(default="", description="why not, where it is not")
    budget: str = Field(description="as it was given")
    level: float
    spent_seconds: float = 0.0
    spent_usd: float = 0.0
    full_seconds: float | None = Field(default=None, description="estimate for all embeddings on all test units")
    full_usd: float | None = None
    standings: tuple[Standing, ...] = ()


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
        default="sample", description="sample: the share holds for the passages of a search, too; all: search all of them"
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
    known = {f"{origin}.{key}": cell for origin, members in cells.items() for key, cell in members.items()}
    gone = list_gone(options.outcome)
    wanted = [
        name
        for name, cell in known.items()
        if name in options.keep or (not cell.get("changed_text") and (cell.get("repeats") or name) not in gone)
    ]
    kept: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in known and name not in kept:
            kept.add(name)
            cell = known[name]
            wanted += [each for each in (*(cell.get("bases") or ()), cell.get("starts_from")) if each]
    return {
        origin: members
        for origin, group in cells.items()
        if (members := {key: cell for key, cell in group.items() if f"{origin}.{key}" in kept})
    }


def list_gone(outcome: Outcome | None) -> set[str]:
    """List the embeddings that were dropped on each of their tasks."""
    standings, dropped = outcome.standings if outcome else (), list_dropped(outcome)
    left = {each.embedding for each in standings if (each.embedding, each.task) not in dropped}
    return {name for name, _ in dropped} - left


def sample_tests(tasks: Mapping[str, dict[str, Any]], outcome: Outcome | None) -> dict[str, dict[str, Any]]:
    """Take the part of each task that the last round scored, where the budget did not allow for all of it."""
    if outcome is None or outcome.is_decided:
        return dict(tasks)
    last = {each.task: each for each in outcome.standings}
    return {
        name: {**task, "test_share": last[name].share, "passage_share": last[name].passage_share} if name in last else task
        for name, task in tasks.items()
    }
