"""The state of a run, as its events tell it: what is done, what runs, what was scored, what was warned of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WAITING, RUNNING, DONE, FAILED, REUSED = "waiting", "running", "done", "failed", "reused"
_FEWEST_FOR_PACE = 5
_PRIOR = 0.15
"""Share of a run in whose time the estimate before it is believed: its first nodes say little of the others."""


@dataclass
class Step:
    """One node of the run.

    Attributes
    ----------
    name, stage : str
        Of the node.
    cell : tuple of str, optional
        Embedding and task that it scores.
    expected : float
        Seconds that it is expected to take.
    status : str
        One of waiting, running, done, failed, reused.
    """

    name: str
    stage: str
    cell: tuple[str, str] | None = None
    expected: float = 1.0
    status: str = WAITING
    started: float = 0.0
    seconds: float = 0.0
    says: str = ""


@dataclass(frozen=True)
class Score:
    """The score of a cell by the metric that its task is ranked by."""

    embedding: str
    value: float
    metric: str
    is_higher_better: bool = True


@dataclass
class RunState:
    """All that is known of a run. `apply` takes its events in their order."""

    use_case: str = ""
    log: str = ""
    n_workers: int = 1
    started: float = 0.0
    now: float = 0.0
    estimate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    is_known: bool = False
    steps: dict[str, Step] = field(default_factory=dict)
    scores: dict[str, dict[str, Score]] = field(default_factory=dict)
    warnings: Counter[str] = field(default_factory=Counter)
    unranked: frozenset[str] = frozenset()
    notices: list[str] = field(default_factory=list)
    end: str = ""

    def apply(self, event: Mapping[str, Any]) -> None:
        """Note one event; one of an unknown kind changes nothing."""
        self.now = max(self.now, float(event.get("time", 0.0)))
        apply = getattr(self, f"_on_{event['event']}", None)
        if apply is not None:
            apply(event)

    def _on_begin(self, event: Mapping[str, Any]) -> None:
        self.use_case, self.log = event["use_case"], event["log"]
        self.n_workers, self.started = event["n_workers"], event["time"]
        self.estimate, self.is_known = tuple(event["estimate"]), event["is_known"]
        self.unranked = frozenset(event["unranked"])
        for name, stage, cell, expected, runs in event["nodes"]:
            self.steps[name] = Step(name, stage, tuple(cell) if cell else None, expected, WAITING if runs else REUSED)

    def _on_start(self, event: Mapping[str, Any]) -> None:
        if (step := self.steps.get(event["node"])) is not None:
            step.status, step.started, step.says = RUNNING, event["time"], ""

    def _on_score(self, event: Mapping[str, Any]) -> None:
        score = Score(event["embedding"], event["value"], event["metric"], event["is_higher_better"])
        self.scores.setdefault(event["task"], {})[score.embedding] = score

    def _on_end(self, event: Mapping[str, Any]) -> None:
        if (step := self.steps.get(event["node"])) is not None:
            step.status, step.seconds = event["status"], event["seconds"]

    def _on_completed(self, event: Mapping[str, Any]) -> None:
        step = self.steps.get(event["node"])
        if step is not None and step.status not in (DONE, FAILED):
            step.status = DONE

    def _on_says(self, event: Mapping[str, Any]) -> None:
        if (step := self.steps.get(event["node"])) is not None:
            step.says = event["text"]

    def _on_warning(self, event: Mapping[str, Any]) -> None:
        self.warnings[event["text"]] += 1

    def _on_notice(self, event: Mapping[str, Any]) -> None:
        self.notices.append(event["text"])

    def _on_stop(self, event: Mapping[str, Any]) -> None:
        self.end = event["status"]
        for step in self.running:
            step.status = {DONE: DONE, FAILED: FAILED}.get(self.end, WAITING)

    @property
    def stages(self) -> list[str]:
        """The stages of the run, in their order."""
        return list(dict.fromkeys(step.stage for step in self.steps.values()))

    @property
    def running(self) -> list[Step]:
        """The nodes that run now, the one that started first at the front."""
        return sorted((step for step in self.steps.values() if step.status == RUNNING), key=lambda step: step.started)

    @property
    def embeddings(self) -> list[str]:
        """The embeddings of all cells, in the order of the grid."""
        return list(dict.fromkeys(step.cell[0] for step in self.steps.values() if step.cell))

    @property
    def tasks(self) -> list[str]:
        """The tasks of all cells."""
        return list(dict.fromkeys(step.cell[1] for step in self.steps.values() if step.cell))

    @property
    def cells(self) -> dict[tuple[str, str], str]:
        """The status of each cell."""
        return {step.cell: step.status for step in self.steps.values() if step.cell}

    def count(self, stage: str | None = None) -> tuple[int, int]:
        """Count the nodes of a stage, or of all, that have ended, and those that are to run; reused ones are neither."""
        status = [step.status for step in self.steps.values() if stage in (None, step.stage)]
        ran = [each for each in status if each != REUSED]
        return sum(each in (DONE, FAILED) for each in ran), len(ran)

    @property
    def n_reused(self) -> int:
        """The number of nodes whose results are there already."""
        return sum(step.status == REUSED for step in self.steps.values())

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return max(self.now - self.started, 0.0)

    def estimate_left(self) -> float:
        """Estimate the seconds until the run ends, from what its nodes have taken until now."""
        ended = [step for step in self.steps.values() if step.status == DONE]
        pace = 1.0
        if len(ended) >= _FEWEST_FOR_PACE:
            took, expected = (sum(getattr(step, name) for step in ended) for name in ("seconds", "expected"))
            prior = _PRIOR * sum(step.expected for step in self.steps.values() if step.status != REUSED)
            pace = min(max((took + prior) / max(expected + prior, 1e-9), 0.25), 4.0)
        left = {
            step.name: pace * step.expected - (self.now - step.started if step.status == RUNNING else 0.0)
            for step in self.steps.values()
            if step.status in (WAITING, RUNNING)
        }
        remaining = [max(seconds, 0.0) for seconds in left.values()]
        all_of_it = sum(step.expected for step in self.steps.values() if step.status != REUSED) / self.n_workers
        waits = max(self.estimate[1] / all_of_it, 1.0) if all_of_it else 1.0  # workers that wait for a long node
        return max(waits * sum(remaining) / self.n_workers, max(remaining, default=0.0))

    def rank(self, task: str) -> list[Score]:
        """Rank the scores of a task, the best first; of equal ones by name.

        Embeddings whose training text was changed on purpose are left out: they are nothing to choose.
        """
        scores = [each for each in self.scores.get(task, {}).values() if each.embedding not in self.unranked]
        return sorted(scores, key=lambda score: (-score.value if score.is_higher_better else score.value, score.embedding))
