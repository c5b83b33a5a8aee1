"""The rounds of a budgeted run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner

from emb_pipeline.choosing.budget import Budget
from emb_pipeline.choosing.cells import RoundCell, build_round, list_arguments, read_scores
from emb_pipeline.choosing.clock import Clock
from emb_pipeline.choosing.dropping import judge
from emb_pipeline.experiment.choosing import DROPPED, ChoosingOptions, Outcome, Standing
from emb_pipeline.experiment.facts import identify_cell
from emb_pipeline.experiment.model import Experiment
from emb_pipeline.provenance.node_fingerprints import fingerprint_results
from emb_pipeline.provenance.package_code import build_code_graph
from emb_pipeline.provenance.raw_files import FileHashes
from emb_pipeline.statistics.decision.options import DecisionOptions
from emb_pipeline.statistics.embedding_facts import CONTROL
from emb_pipeline.storage.failures import Failed
from emb_pipeline.tasks.examples.unit_sample import UnitSample
from emb_pipeline.tasks.registry import KINDS

FOLDER = "rounds"
_LAST = ".item_scores"
Say = Callable[[str], None]


@dataclass(frozen=True)
class UseCase:
    """A use case, as far as the rounds need it.

    Attributes
    ----------
    experiment : Experiment
        Its grid.
    parameters : dict
        Its parameters.
    catalog : DataCatalog
        Its data.
    pipeline : Pipeline
        All of its nodes.
    runner : callable
        Makes a runner.
    n_workers : int
        Nodes that it runs at once.
    """

    experiment: Experiment
    parameters: Mapping[str, Any]
    catalog: DataCatalog
    pipeline: Pipeline
    runner: Callable[[], AbstractRunner]
    n_workers: int

    @property
    def options(self) -> ChoosingOptions:
        """Options of the rounds."""
        return ChoosingOptions.model_validate(self.parameters.get("choosing") or {})

    @property
    def folder(self) -> Path:
        """The folder of what the rounds make."""
        return Path(self.parameters["folders"]["scratch"]) / FOLDER / str(self.parameters["use_case"])

    def find_margin(self, task: str) -> float:
        """Find how much worse than the best is still good enough."""
        decision = DecisionOptions.model_validate(self.parameters.get("decision") or {})
        return decision.margins.get(task, decision.margin)


def find_cell_nodes(experiment: Experiment, pipeline: Pipeline) -> dict[tuple[str, str], Node]:
    """Find the nodes that evaluate the embeddings that are compared, by (embedding, task).

    A further seed of an embedding follows the first one. Controls are evaluated at the end, whole.
    """
    makers = {name: node for node in pipeline.nodes for name in node.outputs if name.endswith(_LAST)}
    return {
        (cell.name, task): makers[f"{cell.name}.{task}{_LAST}"]
        for cell in experiment.cells
        if cell.repeats is None and cell.origin != CONTROL and not cell.shuffle_labels
        for task in experiment.tasks_of(cell)
    }


def list_prepared(experiment: Experiment, pipeline: Pipeline) -> list[str]:
    """List what has to be there before the first round: examples, and what was trained."""
    nodes = find_cell_nodes(experiment, pipeline).values()
    return sorted({name for node in nodes for name in list_arguments(node).values() if not name.startswith("params:")})


@dataclass
class Rounds:
    """The rounds of one use case under one budget."""

    use_case: UseCase
    budget: Budget
    clock: Clock
    say: Say
    standings: list[Standing] = field(default_factory=list)

    def __post_init__(self) -> None:
        case = self.use_case
        self._options = case.options
        self._nodes = find_cell_nodes(case.experiment, case.pipeline)
        self._fingerprints = fingerprint_cells(case)
        tasks = dict.fromkeys(task for _, task in self._nodes)
        self._tasks = [task for task in tasks if self._is_compared(task)]
        self._tables = {task: case.catalog.load(f"examples@{task}") for task in self._tasks}
        self._alive = {task: [name for name, of in self._nodes if of == task] for task in self._tasks}

    def run(self) -> Outcome:
        """Run rounds until all that remains can be evaluated whole, or the budget does not allow another one."""
        share, number = self._options.first, 0
        reason = ""
        while True:
            number += 1
            cells = self._list_cells(share)
            self._evaluate(number, cells)
            last = self._judge(number, cells)
            self.standings += last
            next_share = min(share * self._options.growth, 1.0)
            whole = self._estimate(last, 1.0)
            left = self._left()
            if all(len(names) < 2 for names in self._alive.values()) or share >= 1 or next_share >= 1:
                if left is not None and whole > left:
                    reason = f"all test units need about {whole:.0f} s more, and {max(left, 0):.0f} s are left"
                break
            following = self._estimate(last, next_share)
            if left is not None and following > left:
                reason = f"the next round needs about {following:.0f} s, and {max(left, 0):.0f} s are left"
                break
            share = next_share
        return Outcome(
            is_decided=not reason,
            reason=reason,
            budget=self.budget.written,
            level=self._options.level,
            spent_seconds=self.clock.spent,
            full_seconds=self._estimate_full(),
            standings=tuple(self.standings),
        )

    def _is_compared(self, task: str) -> bool:
        """Tell whether the scores of single units make up the task's primary metric: parts can be compared by no other."""
        kind = KINDS[self.use_case.experiment.tasks[task]]
        metric = self._find_metric(task)
        return bool(kind.draw_tests) and kind.find_unit_metric(metric) == metric

    def _find_metric(self, task: str) -> str:
        kind = KINDS[self.use_case.experiment.tasks[task]]
        written = self.use_case.parameters["tasks"][task]
        named = written.get("primary_metric") or (written.get("evaluation") or {}).get("primary_metric")
        return str(named or kind.primary_metric)

    def _list_cells(self, share: float) -> list[RoundCell]:
        passages = share if self._options.passages == "sample" else 1.0
        return [
            RoundCell(name, task, self._share_of(task, share), passages, self._fingerprints[name, task])
            for task in self._tasks
            for name in self._alive[task]
        ]

    def _share_of(self, task: str, share: float) -> float:
        """Find the share of a task that is scored: all of one without an official split."""
        drawn = self._draw(task, share, 1.0)
        return share if drawn.n_units < drawn.of_units else 1.0

    def _draw(self, task: str, share: float, passage_share: float) -> UnitSample:
        drawn = KINDS[self.use_case.experiment.tasks[task]].draw_unit_sample(self._tables[task], share, passage_share)
        assert drawn is not None
        return drawn

    def _evaluate(self, number: int, cells: Sequence[RoundCell]) -> None:
        pipeline, catalog = build_round(cells, self._nodes, self.use_case.catalog, self.use_case.folder)
        self.say(f"Round {number}: {len(cells)} evaluations, {len(pipeline.nodes)} of them to do")
        if pipeline.nodes:
            self.use_case.runner().run(pipeline, catalog)

    def _judge(self, number: int, cells: Sequence[RoundCell]) -> list[Standing]:
        found: list[Standing] = []
        for task in self._tasks:
            of_task = [cell for cell in cells if cell.task == task]
            if not of_task:
                continue
            drawn = self._draw(task, of_task[0].share, of_task[0].passage_share)
            tables = {cell.embedding: read_scores(cell, self.use_case.folder) for cell in of_task}
            scored = {name: table for name, table in tables.items() if not isinstance(table, Failed)}
            self._alive[task] = list(scored)  # what failed fails again at the end, and is shown there
            if not scored:
                continue
            units = sorted(next(iter(scored.values()))["unit_id"].to_pylist())
            values = {name: _align(table, units) for name, table in scored.items()}
            states = judge(
                values,
                n_total=drawn.of_units,
                margin=self.use_case.find_margin(task),
                level=self._options.level,
                keep=self._options.keep,
            )
            for name, (state, width, best, behind) in states.items():
                value = float(values[name].mean())
                if state == DROPPED:
                    self._alive[task].remove(name)
                found.append(
                    Standing(
                        round=number,
                        task=task,
                        kind=self.use_case.experiment.tasks[task],
                        **identify_cell(self.use_case.experiment.cell_named(name)),
                        state=state,
                        metric=self._find_metric(task),
                        n=len(units),
                        of=drawn.of_units,
                        passages=drawn.n_passages,
                        of_passages=drawn.of_passages,
                        value=value,
                        low=value - width,
                        high=value + width,
                        best=best,
                        best_value=float(values[best].mean()),
                        behind=behind,
                        seconds=scored[name]["seconds"][0].as_py(),
                        share=of_task[0].share,
                        passage_share=of_task[0].passage_share,
                    )
                )
        return found

    def _left(self) -> float | None:
        return None if self.budget.seconds is None else self.budget.seconds - self.clock.spent

    def _estimate(self, last: Sequence[Standing], share: float) -> float:
        """Estimate the seconds of a round of what remains on a share of the units, from those of the last one."""
        seconds = [each.seconds * max(share / each.share, 1.0) for each in last if each.embedding in self._alive[each.task]]
        return sum(seconds) / min(self.use_case.n_workers, max(len(seconds), 1))

    def _estimate_full(self) -> float:
        newest = {(each.embedding, each.task): each for each in self.standings}
        seconds = [each.seconds / each.share for each in newest.values()]
        return sum(seconds) / min(self.use_case.n_workers, max(len(seconds), 1))


def fingerprint_cells(use_case: UseCase) -> dict[tuple[str, str], str]:
    """Compute the fingerprint of each whole cell."""
    remembered = Path(use_case.parameters["folders"]["scratch"])
    code = build_code_graph(store=remembered / ".code_summaries.json")
    hashes = FileHashes(remembered / ".file_hashes.json")
    made = fingerprint_results(use_case.pipeline, use_case.parameters, code=code, hashes=hashes)
    code.keep()
    hashes.keep()
    return {key: made[f"{key[0]}.{key[1]}{_LAST}"] for key in find_cell_nodes(use_case.experiment, use_case.pipeline)}


def name_question(use_case: UseCase) -> str:
    """Name what is asked: another one where anything that a cell is made from is another."""
    made = sorted(fingerprint_cells(use_case).items())
    return hashlib.sha256(json.dumps(made).encode()).hexdigest()[:16]


def _align(table: Any, units: Sequence[str]) -> np.ndarray:
    place = {name: number for number, name in enumerate(table["unit_id"].to_pylist())}
    values = table["value"].to_numpy()
    return np.asarray(values[[place[name] for name in units]], dtype=np.float64)
