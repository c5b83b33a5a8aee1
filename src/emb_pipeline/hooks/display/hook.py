"""The hook that shows a run while it goes on, keeps its log in a file, and says how to go on where it is interrupted."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import rich
from kedro.framework.hooks import hook_impl
from rich.text import Text

from emb_pipeline.config.active import build_active_experiment, load_active_parameters, project_path
from emb_pipeline.hooks.command import continue_command, find_worker_count, format_kedro_command
from emb_pipeline.hooks.display.durations import Durations
from emb_pipeline.hooks.display.events import EVENTS, write_event
from emb_pipeline.hooks.display.guess import Guess
from emb_pipeline.hooks.display.interrupt import Interruptions
from emb_pipeline.hooks.display.logs import MUTED, CurrentNodes, RunLog
from emb_pipeline.hooks.display.plan import describe_plan, find_cell, plan_run
from emb_pipeline.hooks.display.screen import LINES, Screen, find_mode
from emb_pipeline.hooks.display.state import DONE, FAILED, RunState
from emb_pipeline.hooks.display.words import write_clock, write_node, write_time
from emb_pipeline.storage.failures import Failed
from emb_pipeline.tasks.registry import find_metric

LOGGER = logging.getLogger(__name__)
_TRACEBACKS = logging.getLogger("emb_pipeline.tracebacks")
_KEPT_RUNS, _KEPT_SECONDS = 20, 24 * 3600


class Display:
    """Shows a run on the terminal. An error of the display is logged, and the run goes on.

    Nodes may run in other processes: they write what happens into a file, which is read here.
    """

    def __init__(self) -> None:
        self._screen: Screen | None = None
        self._current = CurrentNodes()
        self._log = RunLog(self._current.find)
        self._interruptions = Interruptions(self._say_how_to_go_on)
        self._begun: dict[str, float] = {}
        self._left: dict[str, set[str]] = {}
        self._failed: set[str] = set()
        self._durations: Durations | None = None
        self._command = ""

    @hook_impl(trylast=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Open the log, say what runs and how long it takes, and begin to show it."""
        mode = find_mode()
        self._end_screen("stopped")  # an earlier session of this process was interrupted
        self._command = continue_command(run_params)
        with self._contained():
            self._begin(run_params, pipeline, catalog, mode)
        self._interruptions.watch()

    @hook_impl
    def before_dataset_loaded(self, node: Any) -> None:
        """Note that a node begins: it loads its first input."""
        self._begin_node(node)

    @hook_impl
    def before_node_run(self, node: Any) -> None:
        """Note that a node begins which has no input."""
        self._begin_node(node)

    @hook_impl
    def after_node_run(self, node: Any, outputs: dict[str, Any]) -> None:
        """Note the score of a cell, or that a step gave the reason why it failed."""
        with self._contained():
            if any(isinstance(value, Failed) for value in outputs.values()):
                self._failed.add(node.name)
            elif (cell := find_cell(node)) is not None:
                record = outputs[f"{cell[0]}.{cell[1]}.metrics"]
                metric = record["tags"]["primary"]
                is_higher_better = find_metric(metric).higher_is_better
                value = float(record["metrics"]["primary_metric"])
                score = {"value": value, "metric": metric, "is_higher_better": is_higher_better}
                write_event("score", embedding=cell[0], task=cell[1], **score)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Any) -> None:
        """Note that a node has ended: its last output is stored."""
        left = self._left.get(node.name, set())
        left.discard(dataset_name)
        if not left:
            self._end_node(node, FAILED if node.name in self._failed else DONE)

    @hook_impl
    def on_node_error(self, node: Any) -> None:
        """Note that a node has failed, and the run with it."""
        self._end_node(node, FAILED)

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """End the display, and list the warnings."""
        self._interruptions.check()
        self._end_screen(DONE)

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self, error: Exception) -> None:
        """End the display, and say what ran where a worker was killed."""
        running = [step.name for step in self._screen.state.running] if self._screen else []
        self._end_screen(FAILED)
        _TRACEBACKS.error("the run ended with an error", exc_info=error)
        if isinstance(error, BrokenProcessPool):
            names = ", ".join(map(write_node, running)) or "nothing that is known"
            said = f"A worker was killed, perhaps for want of memory, while these ran: {names}"
            _TRACEBACKS.error("%s", said)
            _print(f"{said}\nTo go on: {self._command}\nWith fewer workers, it takes less memory.")

    def _begin(self, run_params: Mapping[str, Any], pipeline: Any, catalog: Any, mode: str) -> None:
        from kedro.framework.project import pipelines

        parameters = load_active_parameters()
        use_case, project = str(parameters["use_case"]), project_path()
        log = prepare_files(project / "logs" / use_case, str(run_params.get("run_id") or time.time()))
        self._log.open(log)
        events = log.with_suffix(".jsonl")
        events.write_text("", encoding="utf-8")
        os.environ[EVENTS], os.environ[MUTED] = str(events), "0" if mode == LINES else "1"
        n_workers = find_worker_count(run_params)
        self._durations = Durations.of(parameters)
        experiment = build_active_experiment()
        plan = plan_run(
            pipeline,
            catalog,
            [name for name in pipelines if name != "__default__"],
            [(cell.name, task) for cell in experiment.cells for task in experiment.tasks_of(cell)],
            is_only_missing=bool(run_params.get("only_missing_outputs")),
            n_workers=n_workers,
            durations=self._durations,
            guess=Guess(parameters, project),
        )
        shown = os.path.relpath(log, project)
        write_event(
            "begin",
            use_case=use_case,
            log=shown,
            n_workers=n_workers,
            estimate=plan.estimate,
            is_known=plan.is_known,
            nodes=plan.nodes,
            unranked=[cell.name for cell in experiment.cells if cell.changed_text is not None],
        )
        said = describe_plan(plan, n_workers, write_time)
        _print(f"{use_case}: {said}\nlog: {shown}")
        self._screen = Screen(events, mode, self._give_up)
        if mode != LINES:
            self._log.mute_console()
        LOGGER.info("%s: %s", format_kedro_command(run_params), said)
        self._screen.start()

    def _begin_node(self, node: Any) -> None:
        self._interruptions.check()
        if EVENTS not in os.environ or node.name in self._begun:
            return
        with self._contained():
            self._log.join_run()
            self._current.begin(node.name)
            self._begun[node.name] = time.perf_counter()
            self._left[node.name] = set(node.outputs)
            write_event("start", node=node.name, process=os.getpid())

    def _end_node(self, node: Any, status: str) -> None:
        began = self._begun.pop(node.name, None)
        if began is None:
            return
        with self._contained():
            self._left.pop(node.name, None)
            self._failed.discard(node.name)
            self._current.end()
            write_event("end", node=node.name, status=status, seconds=time.perf_counter() - began)

    def _end_screen(self, status: str) -> None:
        """End the display, and say how the run went; once."""
        screen, self._screen = self._screen, None
        self._interruptions.end()
        self._begun.clear()
        if screen is None:
            return
        with self._contained():
            write_event("stop", status=status)
            screen.stop()
            _compare_with_estimate(screen.state)
            self._log.unmute_console()
            _print(write_end(screen.state))
            if self._durations is not None:
                done = (step for step in screen.state.steps.values() if step.status == DONE and step.seconds)
                self._durations.keep({step.name: step.seconds for step in done})
        self._forget()

    def _say_how_to_go_on(self) -> None:
        """End the display of a run that was interrupted, and say how to go on."""
        self._end_screen("stopped")
        LOGGER.info("the run was interrupted; to go on: %s", self._command)
        _print(f"Stopped. What is finished is stored. To go on:\n  {self._command}")

    def _give_up(self) -> None:
        """Show the log in place of the display, which has failed."""
        screen, self._screen = self._screen, None
        self._log.unmute_console()
        if screen is not None:
            screen.stop()

    def _forget(self) -> None:
        self._log.tell_no_more()
        os.environ.pop(EVENTS, None)
        os.environ.pop(MUTED, None)

    @contextmanager
    def _contained(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            _TRACEBACKS.error("the display of the run failed", exc_info=error)
            LOGGER.warning("the display of the run failed (%s: %s); the run goes on", type(error).__name__, error)
            self._give_up()
            self._forget()


def write_end(state: RunState) -> str:
    """Write how a run ended, and all that it warned of."""
    done, n = state.count()
    failed = sum(step.status == FAILED for step in state.steps.values())
    lines = [f"{done} of {n} nodes in {write_clock(state.elapsed)}"]
    if failed:
        lines[0] += f", {failed} failed"
    if state.warnings:
        lines.append("Warnings:")
        lines += [f"  {f'{n} × ' if n > 1 else ''}{text}" for text, n in state.warnings.items()]
    return "\n".join(lines)


def _compare_with_estimate(state: RunState) -> None:
    """Say in the log how far off the estimate was."""
    low, expected, high = state.estimate
    if state.end != DONE or not expected:
        return
    LOGGER.info(
        "the run took %s; the estimate was %s (%s to %s), %+.0f %% off",
        write_time(state.elapsed),
        *map(write_time, (expected, low, high)),
        100 * (state.elapsed / expected - 1),
    )


def prepare_files(folder: Path, run_id: str) -> Path:
    """Name the log of a run, and remove those of the oldest runs, but for runs of today: jobs may still write theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"))[: -_KEPT_RUNS + 1]:
        with suppress(FileNotFoundError):  # another job removes it, too
            if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                old.unlink()
                old.with_suffix(".jsonl").unlink(missing_ok=True)
    ends = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    return next(filter(_create, (folder / f"{run_id}{end}.log" for end in ends)))


def _create(file: Path) -> bool:
    """Create a file; False where another job did, which began in the same moment."""
    try:
        file.open("x").close()
    except FileExistsError:
        return False
    return True


def _print(text: str) -> None:
    rich.get_console().print(Text(text), soft_wrap=True, highlight=False)
