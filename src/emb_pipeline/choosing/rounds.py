"""The rounds of a budgeted run."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emb_pipeline.choosing.budget import Budget
from emb_pipeline.choosing.cells import RoundCell, build_round, list_arguments, read_scores
from emb_pipeline.choosing.clock import Clock
from emb_pipeline.choosing.passages import can_search_a_part
from emb_pipeline.choosing.services import estimate_service, find_estimates, read_known_usd, read_usd
from emb_pipeline.choosing.use_case import UseCase, find_cell_nodes
from emb_pipeline.errors import DataError
from emb_pipeline.experiment.choosing import DROPPED, REMAINS, Outcome, Standing
from emb_pipeline.experiment.facts import identify_cell
from emb_pipeline.statistics.intervals.metric_ranges import find_range
from emb_pipeline.statistics.sequential.joint import find_joint_standings
from emb_pipeline.statistics.sequential.standings import EarlyRules, find_standings
from emb_pipeline.storage.failures import Failed
from emb_pipeline.tasks.examples.unit_sample import UnitSample
from emb_pipeline.tasks.registry import KINDS

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class _Part:
    """Scores of a round on one task; ``rivals``: those that others may be dropped against."""

    task: str
    drawn: UnitSample
    values: Mapping[str, np.ndarray]
    rules: EarlyRules
    rivals: frozenset[str]
    seconds: Mapping[str, float]
    share: float
    passage_shares: Mapping[str, float]


@dataclass
class Rounds:
    """The rounds of one use case under one budget."""

    use_case: UseCase
    budget: Budget
    clock: Clock
    say: Say
    fingerprints: Mapping[tuple[str, str], str]
    standings: list[Standing] = field(default_factory=list)

    def __post_init__(self) -> None:
        case = self.use_case
        self._options = case.options
        self._nodes = find_cell_nodes(case.experiment, case.pipeline)
        tasks = dict.fromkeys(task for _, task in self._nodes)
        self._tasks = [task for task in tasks if self._is_compared(task)]
        self._tables = {task: case.catalog.load(f"examples@{task}") for task in self._tasks}
        self._estimates = find_estimates(self._nodes, case.pipeline)
        self._n_first = {task: sum(of == task for _, of in self._nodes) for task in self._tasks}
        self._alive = {task: [name for name, of in self._nodes if of == task] for task in self._tasks}
        self._on_all_passages: set[tuple[str, str]] = set()
        self._drawn: dict[tuple[str, float, float], UnitSample] = {}

    def run(self) -> Outcome:
        """Run rounds until all that remains can be evaluated whole, or the budget does not allow another one."""
        share, number = self._options.first, 0
        for task in self._tasks:
            if reason := self.use_case.find_reason_to_keep(task):
                self.say(f"Nothing is dropped on {task}: {reason}")
        self._full_usd = self.clock.spent_usd + sum(self._price(self._estimate_services(1.0, is_whole=True)).values())
        while True:
            number += 1
            cells = self._list_cells(share)
            known = self._estimate_services(share)
            self._require_money(known)
            self.say(f"Round {number}: {len(cells)} evaluations{self._write_there(cells)}")
            self._evaluate(cells, known)
            last = self._judge(number, self._search_all_for_the_best(cells))
            self.standings += last
            next_share = min(share * self._options.growth, 1.0)
            is_last = all(len(names) < 2 for names in self._alive.values()) or next_share >= 1
            reason = self._find_lack(last, 1.0 if is_last else next_share)
            if reason or is_last:
                break
            share = next_share
        return Outcome(
            is_decided=not reason,
            reason=reason,
            budget=self.budget.written,
            level=self._options.level,
            spent_seconds=self.clock.spent,
            spent_usd=self.clock.spent_usd,
            full_seconds=self._estimate_full(),
            full_usd=self._full_usd,
            whole_tasks=tuple(sorted({task for _, task in self._nodes} - set(self._tasks))),
            standings=tuple(self.standings),
        )

    def _is_compared(self, task: str) -> bool:
        """Tell whether a task's primary metric is the mean of what units score: by no other can parts be compared."""
        kind = KINDS[self.use_case.experiment.tasks[task]]
        metric = self._find_metric(task)
        return bool(kind.draw_tests) and kind.is_mean_of_units(metric)

    def _find_metric(self, task: str) -> str:
        kind = KINDS[self.use_case.experiment.tasks[task]]
        written = self.use_case.parameters["tasks"][task]
        named = written.get("primary_metric") or (written.get("evaluation") or {}).get("primary_metric")
        return str(named or kind.primary_metric)

    def _list_cells(self, share: float) -> list[RoundCell]:
        return [
            RoundCell(
                name,
                task,
                self._share_of(task, share),
                self._passage_share_of(name, task, share),
                self.fingerprints[name, task],
            )
            for task in self._tasks
            for name in self._alive[task]
        ]

    def _passage_share_of(self, name: str, task: str, share: float) -> float:
        """Find the share of the passages that an embedding searches in a round."""
        is_part = self._options.passages == "sample" and self._draw(task, 1.0, 1.0).of_passages > 0
        cell = self.use_case.experiment.cell_named(name)
        return share if is_part and can_search_a_part(cell) and (name, task) not in self._on_all_passages else 1.0

    def _share_of(self, task: str, share: float) -> float:
        """Find the share of a task that is scored: all of one without an official split."""
        drawn = self._draw(task, share, 1.0)
        return share if drawn.n_units < drawn.of_units else 1.0

    def _draw(self, task: str, share: float, passage_share: float) -> UnitSample:
        key = task, share, passage_share
        if key not in self._drawn:
            drawn = KINDS[self.use_case.experiment.tasks[task]].draw_unit_sample(self._tables[task], share, passage_share)
            assert drawn is not None
            self._drawn[key] = drawn
        return self._drawn[key]

    def _estimate_services(self, share: float, *, is_whole: bool = False) -> dict[str, Any]:
        """Estimate what each service asks for the part of the test units; for all tasks of the run where that is whole."""
        found = {}
        for name, node in self._estimates.items():
            takers = [key for key, of in self._nodes.items() if name in list_arguments(of).values()]
            tasks = [task for of, task in takers if of in self._alive.get(task, [of] if is_whole else [])]
            if tasks:
                drawn = {task: self._load(task) if is_whole else self._draw_at(task, share).tables for task in tasks}
                found[name] = estimate_service(node, self.use_case.catalog, drawn)
        return found

    def _price(self, estimates: Mapping[str, Any]) -> dict[str, float]:
        """Price estimates; without a budget of money, a price that nobody knows counts nothing."""
        if self.budget.usd is None:
            return {name: found for name, each in estimates.items() if (found := read_known_usd(each)) is not None}
        return {name: read_usd(name, each) for name, each in estimates.items()}

    def _require_money(self, estimates: Mapping[str, Any]) -> None:
        """Refuse a first round that costs more than the budget.

        Raises
        ------
        DataError
            It does.
        """
        if self.budget.usd is None or self.standings:
            return
        usd, left = sum(self._price(estimates).values()), self.budget.usd - self.clock.spent_usd
        if usd > left:
            raise DataError(
                "--budget",
                f"the first round needs about ${usd:.4f}, and ${max(left, 0):.4f} of {self.budget.written} are left",
                "raise it, or take a smaller first part: --params choosing.first=0.01",
            )

    def _find_lack(self, last: Sequence[Standing], share: float) -> str:
        """Find what the rest of the budget does not allow: scoring what remains on this share of the test units."""
        what = "all test units need" if share >= 1 else "the next round needs"
        left = self._left()
        seconds = self._estimate(last, share)
        if left is not None and seconds > left:
            return f"{what} about {seconds:.0f} s more, and {max(left, 0):.0f} s are left"
        if self.budget.usd is not None:
            usd = sum(self._price(self._estimate_services(share, is_whole=share >= 1)).values())
            left_usd = self.budget.usd - self.clock.spent_usd
            if usd > left_usd:
                return f"{what} about ${usd:.4f} more, and ${max(left_usd, 0):.4f} are left"
        return ""

    def _load(self, task: str) -> Mapping[str, Any]:
        tables: Mapping[str, Any] = self.use_case.catalog.load(f"examples@{task}")
        return tables

    def _draw_at(self, task: str, share: float) -> UnitSample:
        passages = share if self._options.passages == "sample" else 1.0
        return self._draw(task, self._share_of(task, share), passages)

    def _write_there(self, cells: Sequence[RoundCell]) -> str:
        n_there = sum(cell.find_file(self.use_case.folder).exists() for cell in cells)
        return f", {n_there} of them there already" if n_there else ""

    def _evaluate(self, cells: Sequence[RoundCell], known: Mapping[str, Any]) -> None:
        pipeline, catalog = build_round(cells, self._nodes, self.use_case.catalog, self.use_case.folder, known)
        if pipeline.nodes:
            with _say_less():
                self.use_case.runner().run(pipeline, catalog)

    def _search_all_for_the_best(self, cells: Sequence[RoundCell]) -> list[RoundCell]:
        """Score the best of each search on all passages, where the budget allows it: others are held against that.

        Passages that are added can only lower the score of those that searched a part. So what is far behind the score of
        another on all passages, though it searched a part, is behind it among all, too.
        """
        found = list(cells)
        for task in dict.fromkeys(cell.task for cell in cells):
            tables = {cell: read_scores(cell, self.use_case.folder) for cell in found if cell.task == task}
            scored = {cell: table for cell, table in tables.items() if not isinstance(table, Failed)}
            best = max(scored, key=lambda cell: float(np.mean(scored[cell]["value"].to_numpy())), default=None)
            if best is None or best.passage_share >= 1:
                continue
            whole = replace(best, passage_share=1.0)
            known = self._estimate_cell(whole)
            if self._is_affordable(scored[best]["seconds"][0].as_py() / best.passage_share, known):
                self.say(f"{task}: {best.embedding} is the best so far, and searches all passages")
                self._evaluate([whole], known)
                self._on_all_passages.add((best.embedding, task))
                found[found.index(best)] = whole
        return found

    def _estimate_cell(self, cell: RoundCell) -> dict[str, Any]:
        """Estimate what services ask for one cell."""
        drawn = {cell.task: self._draw(cell.task, cell.share, cell.passage_share).tables}
        taken = set(list_arguments(self._nodes[cell.embedding, cell.task]).values())
        return {
            name: estimate_service(node, self.use_case.catalog, drawn)
            for name, node in self._estimates.items()
            if name in taken
        }

    def _is_affordable(self, seconds: float, known: Mapping[str, Any]) -> bool:
        left = self._left()
        has_time = left is None or seconds <= left
        return has_time and (
            self.budget.usd is None or sum(self._price(known).values()) <= self.budget.usd - self.clock.spent_usd
        )

    def _judge(self, number: int, cells: Sequence[RoundCell]) -> list[Standing]:
        parts = [part for task in self._tasks if (part := self._read(task, cells)) is not None]
        contenders = self._find_joint_contenders(parts)
        found: list[Standing] = []
        for part in parts:
            for name, standing in find_standings(part.values, part.rules, part.rivals).items():
                drawn = self._draw(part.task, part.share, part.passage_shares[name])
                is_dropped = standing.is_dropped and name not in self._options.keep and name not in contenders
                if is_dropped:
                    self._alive[part.task].remove(name)
                found.append(
                    Standing(
                        round=number,
                        task=part.task,
                        kind=self.use_case.experiment.tasks[part.task],
                        **identify_cell(self.use_case.experiment.cell_named(name)),
                        state=DROPPED if is_dropped else REMAINS,
                        metric=self._find_metric(part.task),
                        n=drawn.n_units,
                        of=drawn.of_units,
                        passages=drawn.n_passages,
                        of_passages=drawn.of_passages,
                        value=standing.value,
                        low=standing.low,
                        high=standing.high,
                        best=standing.best,
                        best_value=float(part.values[standing.best].mean()),
                        behind=standing.behind,
                        allowed=standing.allowed,
                        seconds=part.seconds[name],
                        share=part.share,
                        passage_share=part.passage_shares[name],
                    )
                )
        return found

    def _read(self, task: str, cells: Sequence[RoundCell]) -> _Part | None:
        """Read what a round scored on a task; None where nothing was."""
        of_task = [cell for cell in cells if cell.task == task]
        if not of_task:
            return None
        share = of_task[0].share
        drawn = self._draw(task, share, 1.0)
        tables = {cell.embedding: read_scores(cell, self.use_case.folder) for cell in of_task}
        scored = {name: table for name, table in tables.items() if not isinstance(table, Failed)}
        self._alive[task] = list(scored)  # what failed fails again at the end, and is shown there
        if not scored:
            return None
        values = {name: _align(table, drawn.units) for name, table in scored.items()}
        seconds = {name: table["seconds"][0].as_py() for name, table in scored.items()}
        shares = {cell.embedding: cell.passage_share for cell in of_task}
        is_kept = bool(self.use_case.find_reason_to_keep(task))
        rivals = frozenset(name for name in scored if shares[name] >= 1 and not is_kept)
        return _Part(task, drawn, values, self._choose_rules(task, drawn), rivals, seconds, share, shares)

    def _find_joint_contenders(self, parts: Sequence[_Part]) -> set[str]:
        """Find the embeddings that may be chosen for all tasks together: they stay on each task."""
        weights = self.use_case.decision.weights or {part.task: 1.0 for part in parts}
        standings = find_joint_standings(
            {part.task: part.values for part in parts},
            {part.task: part.rules for part in parts},
            weights,
            frozenset.intersection(*(part.rivals for part in parts)) if parts else (),
        )
        return {name for name, standing in standings.items() if not standing.is_dropped}

    def _choose_rules(self, task: str, drawn: UnitSample) -> EarlyRules:
        """Choose margin and level of a task. With a part of the passages, each round is of another search.

        With several tasks there is one choice more: that for all of them.
        """
        is_searched = drawn.of_passages > 0 and self._options.passages == "sample"
        n_rounds = math.ceil(math.log(1 / self._options.first, self._options.growth) - 1e-9) + 1 if is_searched else 1
        lowest, highest = find_range(self._find_metric(task))
        return EarlyRules(
            n_total=drawn.of_units,
            n_embeddings=self._n_first[task],
            margin=self.use_case.find_margin(task),
            level=self._options.level / (len(self._tasks) + (len(self._tasks) > 1)) / n_rounds,
            lowest=lowest,
            highest=highest,
        )

    def _left(self) -> float | None:
        return None if self.budget.seconds is None else self.budget.seconds - self.clock.spent

    def _estimate(self, last: Sequence[Standing], share: float) -> float:
        """Estimate the seconds of a round of what remains on a share of the units, from those of the last one."""
        seconds = [each.seconds * max(_scale(each, share), 1.0) for each in last if each.embedding in self._alive[each.task]]
        return sum(seconds) / min(self.use_case.n_workers, max(len(seconds), 1))

    def _estimate_full(self) -> float:
        newest = {(each.embedding, each.task): each for each in self.standings}
        seconds = [each.seconds * _scale(each, 1.0) for each in newest.values()]
        return sum(seconds) / min(self.use_case.n_workers, max(len(seconds), 1))


def _scale(standing: Standing, share: float) -> float:
    """Find how many times as much there is to do for a share of the task: a search encodes passages above all."""
    if not standing.of_passages:
        return share / standing.share
    return share / standing.passage_share if standing.passage_share < 1 else 1.0


@contextmanager
def _say_less() -> Iterator[None]:
    """Keep the runner's lines of single nodes out of the log: nothing shows a round as it shows a run."""
    logger = logging.getLogger("kedro.runner")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _align(table: Any, units: Sequence[str]) -> np.ndarray:
    place = {name: number for number, name in enumerate(table["unit_id"].to_pylist())}
    values = table["value"].to_numpy()
    return np.asarray(values[[place[name] for name in units]], dtype=np.float64)
