"""What happens around a run: the active project is remembered, stale results are refused, MLflow gets a parent run,
and the last lines of the console say where the results are."""

from __future__ import annotations

import atexit
import logging
import os
import re
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import psutil
from kedro.framework.hooks import hook_impl

from emb_pipeline.config import (
    active_environment,
    active_experiment,
    active_parameters,
    in_project,
    project_path,
    remember,
    tracking_uri,
)
from emb_pipeline.datasets.mlflow_names import dotted
from emb_pipeline.redaction import redact
from emb_pipeline.storage.atomic import LockHeldError, exclusive

LOGGER = logging.getLogger(__name__)

WAIT = "EMB_PIPELINE_WAIT"
"""Environment variable: 1 lets a run wait for another one of the same use case."""
ACCEPT_STALE = "EMB_PIPELINE_ACCEPT_STALE"
"""Environment variable with the reason to use stale results as they are; ``kedro run --accept-stale`` sets it."""


class ActiveProject:
    """Remembers the run's project, and logs in to MLflow with the project's credentials."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Remember the project; hand the credentials ``mlflow`` to MLflow, which takes them from the environment."""
        remember(context.project_path)
        for name, value in context.config_loader["credentials"]["mlflow"].items():
            os.environ.setdefault(f"MLFLOW_TRACKING_{name.upper()}", str(value))


class ParentRun:
    """One MLflow run per ``kedro run``, with what is needed to repeat it; the runs of its cells are its children.

    It is closed however the run ends. Kedro tells hooks of errors alone: Ctrl-C is seen when the process exits, SIGTERM by a
    handler, which ends the workers of a parallel run, too. After SIGKILL the next run closes it.
    """

    EXPERIMENT = "emb/runs"

    def __init__(self) -> None:
        self._uri, self._process = "", 0
        self._run_id: str | None = None

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Open the parent run."""
        from emb_pipeline.datasets import tracking

        self._uri, self._process = tracking_uri(), os.getpid()
        self._run_id = tracking.open_run(self._uri, self.EXPERIMENT, *_description(run_params))
        if self._run_id:
            os.environ[tracking.PARENT_RUN] = self._run_id
        atexit.register(self._close, "KILLED")
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._terminate)

    @hook_impl
    def after_pipeline_run(self, catalog: Any) -> None:
        """Write what MLflow could not take before, and close the parent run."""
        from kedro.framework.project import pipelines

        from emb_pipeline.datasets import tracking

        tracking.forget_outages()
        for name in sorted(pipelines["__default__"].all_outputs()):
            flush = getattr(catalog.get(name), "flush", None)
            if flush is not None:
                flush()
        self._close("FINISHED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Close the parent run as failed."""
        self._close("FAILED")

    def _close(self, status: str) -> None:
        from emb_pipeline.datasets import tracking

        run_id, self._run_id = self._run_id, None
        os.environ.pop(tracking.PARENT_RUN, None)
        atexit.unregister(self._close)
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == self._terminate:
            signal.signal(signal.SIGTERM, self._before)
        if run_id:
            tracking.close_run(self._uri, run_id, status)

    def _terminate(self, number: int, frame: Any) -> None:
        """End the run's workers, close the run, and end this process as the signal would have."""
        if os.getpid() == self._process:  # a worker that was forked has the handler, too
            for worker in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
            self._close("KILLED")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _description(run_params: dict[str, Any]) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Name, tags and configuration of a parent run."""
    from emb_pipeline.provenance.freshness import git_state, versions

    parameters = active_parameters()
    use_case = parameters["use_case"]
    tags = {
        "use_case": use_case,
        "kedro_run_id": str(run_params.get("run_id") or run_params.get("session_id")),
        "kedro_command": kedro_command(run_params),
        "runner": _runner(run_params),
        **git_state(project_path()),
    }
    if reason := os.environ.get(ACCEPT_STALE, "").strip():
        tags["accept_stale"] = reason
    return f"{use_case}/{tags['kedro_run_id']}", tags, {"parameters": parameters, "versions": versions()}


_FLAGS = {
    "tags": "tags",
    "node_names": "nodes",
    "from_nodes": "from-nodes",
    "to_nodes": "to-nodes",
    "from_inputs": "from-inputs",
    "to_outputs": "to-outputs",
    "namespaces": "namespaces",
}


def kedro_command(run_params: dict[str, Any]) -> str:
    """The command line that starts the same run."""
    words = ["kedro run"]
    if run_params.get("env"):
        words.append(f"--env {run_params['env']}")
    names = run_params.get("pipeline_names") or [run_params.get("pipeline_name")]
    if chosen := [name for name in names if name and name != "__default__"]:
        words.append(f"--pipelines {','.join(chosen)}")
    words += [f"--{flag} {','.join(run_params[name])}" for name, flag in _FLAGS.items() if run_params.get(name)]
    if run_params.get("only_missing_outputs"):
        words.append("--only-missing-outputs")
    if given := run_params.get("runtime_params"):
        words.append("--params " + shlex.quote(",".join(f"{name}={value}" for name, value in dotted(given))))
    if (runner := _runner(run_params)) != _SEQUENTIAL:
        words.append(f"--runner {runner}")
    if given := _of_command_line("runner_params"):
        words.append("--runner-params " + ",".join(f"{name}={value}" for name, value in dotted(given)))
    return " ".join(words)


_SEQUENTIAL = "SequentialRunner"


def _runner(run_params: dict[str, Any]) -> str:
    """The runner's name; Kedro describes an instance by its address."""
    described = str(run_params.get("runner") or _SEQUENTIAL)
    found = re.search(r"(\w+) object at", described)
    return found.group(1) if found else described


def _of_command_line(option: str) -> Any:
    """What was given for an option of ``kedro run`` that its hooks are not told of."""
    context = click.get_current_context(silent=True)
    return context.params.get(option) if context else None


class Requirements:
    """Refuses what cannot work on this machine before anything is trained: a broken model, a GPU that is not there."""

    @hook_impl
    def before_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Check every embedding that this run trains or loads, and what it reads that is made elsewhere."""
        from emb_pipeline.embeddings.registry import require
        from emb_pipeline.experiment.build import without_a_task
        from emb_pipeline.experiment.model import EmbeddingSpec

        embeddings = active_parameters()["embeddings"]
        names = {name for node in pipeline.nodes for name in node.inputs if name.startswith("params:embeddings.")}
        for name in sorted(names):
            _, origin, key = name.split(".", 2)
            cell = EmbeddingSpec.model_validate(embeddings[origin][key])
            require(cell.method, cell.options)
        for cell in without_a_task(active_experiment()):
            LOGGER.warning("%s is evaluated on no task of the grid: none of them can use it", cell.name)
        for name in sorted({name for node in pipeline.nodes for name in node.inputs if "@" in name}):
            check = getattr(catalog.get(name), "require", None)
            if check is not None:
                check()


class FirstRows:
    """Refuses files that cannot be used by a look at their first rows, before a large corpus is read."""

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Read the first rows of every file of the corpora and tasks that this run ingests."""
        from emb_pipeline.experiment.model import CorpusDefinition, Folders, TaskDefinition
        from emb_pipeline.tasks.first_rows import check_first_rows
        from emb_pipeline.tasks.registry import KINDS

        only_missing = bool(run_params.get("only_missing_outputs"))
        read = (name for name in pipeline.all_outputs() if name.endswith((".documents", ".examples")))
        made = {name for name in read if not (only_missing and catalog.exists(name))}
        parameters = active_parameters()
        corpora = {
            name: CorpusDefinition.model_validate(definition).readings
            for name, definition in parameters["corpora"].items()
            if f"{name}.documents" in made
        }
        tasks = [
            TaskDefinition.model_validate(definition)
            for name, definition in parameters["tasks"].items()
            if f"{name}.examples" in made
        ]
        if corpora or tasks:
            folders = Folders.model_validate(parameters["folders"])
            readers = {task.name: (KINDS[task.kind].reader(), task.reading) for task in tasks}
            check_first_rows(corpora, readers, folders.raw, folders.project)


class Freshness:
    """Refuses to reuse results that other parameters, code, files or inputs made; one run per use case at a time."""

    def __init__(self) -> None:
        self._lock = ExitStack()
        self._thread: int | None = None

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Stop with the list of stale results; otherwise note the recipe of everything that this run makes."""
        parameters = active_parameters()
        if self._thread == threading.get_ident():
            self._free()  # an earlier session of this thread was interrupted
        try:
            self._lock.enter_context(only_run_of(parameters["use_case"], kedro_command(run_params)))
            self._thread = threading.get_ident()
            _prepare(run_params, pipeline, catalog, parameters)
        except BaseException:
            self._free()
            raise

    @hook_impl(wrapper=True)
    def after_pipeline_run(self) -> Iterator[None]:
        """Let the next run of the use case start, once all else that follows a run is done."""
        try:
            yield
        finally:
            self._free()

    @hook_impl(wrapper=True)
    def on_pipeline_error(self) -> Iterator[None]:
        """Let the next run of the use case start."""
        try:
            yield
        finally:
            self._free()

    def _free(self) -> None:
        self._lock.close()
        self._thread = None


class UseCaseInUseError(click.ClickException):
    """Another run of the same use case is going on."""


@contextmanager
def only_run_of(use_case: str, command: str) -> Iterator[None]:
    """Hold the lock of a use case: two runs at once would mix their results.

    Raises
    ------
    UseCaseInUseError
        Another run holds it, and ``EMB_PIPELINE_WAIT`` does not say to wait for it.
    """
    path = project_path() / "data" / "06_models" / use_case / ".run.lock"
    with ExitStack() as stack:
        try:
            stack.enter_context(
                exclusive(path, what=f"running '{redact(command)}'", wait=None if os.environ.get(WAIT) == "1" else 0.0)
            )
        except LockHeldError as error:
            raise UseCaseInUseError(
                f"use case '{use_case}' is in use by {error.holder or 'another run'}; results of two runs would mix. "
                f"Start this run when that one has ended; with {WAIT}=1 in the environment it waits for it"
            ) from error
        yield


def _prepare(run_params: dict[str, Any], pipeline: Any, catalog: Any, parameters: dict[str, Any]) -> None:
    from kedro.framework.project import pipelines

    from emb_pipeline.provenance import freshness
    from emb_pipeline.provenance.raw_files import FileHashes

    whole = pipelines["__default__"] + pipeline
    command = kedro_command({name: run_params.get(name) for name in ("env", "runtime_params", "runner")})
    freshness.refuse_missing_inputs(pipeline, catalog, command)
    ledger = freshness.Ledger(project_path() / "data" / "06_models" / parameters["use_case"] / "recipes")
    remembered = project_path() / "data" / "02_intermediate"
    code = freshness.code_graph(store=remembered / ".code_summaries.json")
    hashes = FileHashes(remembered / ".file_hashes.json")
    recipes = freshness.recipes(whole, parameters, code=code, hashes=hashes)
    code.keep()
    hashes.keep()
    freshness.prepare(
        pipeline,
        catalog,
        recipes,
        ledger,
        only_missing=bool(run_params.get("only_missing_outputs")),
        command=command,
        whole=whole,
        accept=os.environ.get(ACCEPT_STALE, "").strip(),
    )


class Console:
    """Last lines of a run: the leaderboard, and where report, MLflow store and graph are."""

    @hook_impl
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Print them, if the run made a leaderboard; if it made a decision, that before them."""
        made = pipeline.all_outputs()
        if not {"leaderboard", "decision"} & made:
            return
        from rich.console import Console as Terminal

        from emb_pipeline.reporting.console import decision_lines, failure_lines, leaderboard_table

        terminal = Terminal(width=100)
        if "leaderboard" in made:
            terminal.print(leaderboard_table(catalog.load("leaderboard").to_pandas()))
        if "failures" in made:
            terminal.print(failure_lines(catalog.load("failures").to_pandas()))
        if "decision" in made:
            tables = (catalog.load(name).to_pandas() for name in ("decision", "relaxations", "report.joint_choice"))
            terminal.print(decision_lines(*tables))
        if "leaderboard" not in made:
            return
        use_case = active_parameters()["use_case"]
        page = Path(in_project(f"data/08_reporting/{use_case}/latest/report.html"))
        terminal.print(f"report   {page}", soft_wrap=True, highlight=False)
        terminal.print(
            f"runs     mlflow ui --backend-store-uri {redact(tracking_uri())}   (http://127.0.0.1:5000)",
            soft_wrap=True,
            highlight=False,
        )
        environment = active_environment()
        viz = f"kedro viz run --env {environment}" if environment else "kedro viz run"
        terminal.print(f"graph    {viz}   (http://127.0.0.1:4141)", soft_wrap=True, highlight=False)


class FailedCellsError(click.ClickException):
    """A run came to its end without some of its cells."""


class FailedCells:
    """Ends a run with an error where a cell failed, after everything else was written."""

    @hook_impl
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Name what failed, and the command that tries it again."""
        found = {
            failed.place: str(failed) for name in sorted(pipeline.all_outputs()) if (failed := _failure(catalog.get(name)))
        }
        if "failures" in pipeline.all_outputs():
            for row in catalog.load("failures").to_pylist():
                place = f"{row['embedding']} on {row['task']}" if row["task"] else row["embedding"]
                found.setdefault(place, f"{place}: {row['reason']}")
        if found:
            again = kedro_command({name: run_params.get(name) for name in ("env", "runtime_params")})
            listed = "\n".join(f"  {line}" for line in found.values())
            raise FailedCellsError(
                f"{len(found)} of the results could not be made; all others are written:\n{listed}\n"
                f"To try these again: {again} --only-missing-outputs"
            )


def _failure(dataset: Any) -> Any:
    failure = getattr(dataset, "failure", None)
    return failure() if failure is not None else None
