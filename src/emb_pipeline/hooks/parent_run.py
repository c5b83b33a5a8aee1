"""The hook that opens one MLflow run for each ``kedro run``."""

from __future__ import annotations

import atexit
import getpass
import json
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from kedro.framework.hooks import hook_impl

from emb_pipeline.config.active import find_tracking_uri, load_active_parameters, project_path
from emb_pipeline.hooks.command import find_runner_name, format_kedro_command
from emb_pipeline.hooks.freshness import ACCEPT_STALE
from emb_pipeline.hooks.one_run import list_used_elsewhere
from emb_pipeline.redaction import redact

_KILLED = "KILLED"


class ParentRun:
    """One MLflow run per ``kedro run``, with what is needed to repeat it; the runs of its cells are its children.

    Where ``EMB_PIPELINE_JOBS`` says that the run is a job among others, it is a child itself: of the run of all these jobs.

    It is closed however the run ends. Kedro tells hooks of errors alone: Ctrl-C is seen when the process exits, SIGTERM by a
    handler, which ends the workers of a parallel run, too. After SIGKILL the next run closes it.
    """

    EXPERIMENT = "emb/runs"

    def __init__(self) -> None:
        self._uri, self._process = "", 0
        self._run_id: str | None = None
        self._jobs: str | None = None
        self._monitor: Any = None

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Open the parent run."""
        from emb_pipeline.datasets import mlflow_runs
        from emb_pipeline.datasets.mlflow_jobs import JOBS, join_jobs
        from emb_pipeline.datasets.mlflow_machine import MachineMonitor

        self._uri, self._process, self._jobs = find_tracking_uri(), os.getpid(), None
        name, tags, config = _describe_run(run_params)
        above: dict[str, str] = {}
        if jobs := os.environ.get(JOBS):
            use_case, own = name.split("/", 1)
            name = f"{use_case}/{_name_part(run_params) or own}"
            self._jobs = join_jobs(self._uri, self.EXPERIMENT, jobs, f"{use_case}/{jobs}", {"use_case": use_case})
            above = {"mlflow.parentRunId": self._jobs} if self._jobs else {}
        self._run_id = mlflow_runs.open_run(self._uri, self.EXPERIMENT, name, {**tags, **above}, config)
        inherited = {tag: tags[tag] for tag in mlflow_runs.OF_ORIGIN if tag in tags}
        os.environ[mlflow_runs.INHERITED] = redact(json.dumps(inherited))
        if self._run_id:
            os.environ[mlflow_runs.PARENT_RUN] = self._run_id
            self._monitor = MachineMonitor(self._uri, self._run_id)
            self._monitor.start()
        atexit.register(self._close, _KILLED)
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._terminate)

    @hook_impl
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Write what MLflow could not take before, give cells and parent run what was found, and close it."""
        from kedro.framework.project import pipelines

        from emb_pipeline.datasets import mlflow_leaderboard, mlflow_runs, mlflow_store
        from emb_pipeline.hooks import mlflow_answer

        parameters = load_active_parameters()
        used, results = list_used_elsewhere(Path(parameters["folders"]["models"])), pipelines["__default__"].all_outputs()
        mlflow_store.forget_outages()
        # A result that another job is writing may get its run in this moment, and would get two.
        for name in sorted(results - used) if used is not None else ():
            flush = getattr(catalog.get(name), "flush", None)
            if flush is not None:
                flush()
        if "report_page" in pipeline.all_outputs() and all(catalog.exists(name) for name in mlflow_answer.ANSWER):
            use_case = parameters["use_case"]
            mlflow_leaderboard.track_leaderboard(self._uri, use_case, *mlflow_answer.gather_leaderboard(catalog))
            if self._run_id:
                answer = mlflow_answer.gather_answer(catalog)
                mlflow_runs.write_answer(self._uri, self._jobs or self._run_id, answer)
        self._close("FINISHED", is_last="report_page" in pipeline.all_outputs())

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Close the parent run as failed."""
        self._close("FAILED")

    def _close(self, status: str, *, is_last: bool = False) -> None:
        from emb_pipeline.datasets import mlflow_runs

        run_id, self._run_id = self._run_id, None
        jobs, self._jobs = self._jobs, None
        monitor, self._monitor = self._monitor, None
        for name in (mlflow_runs.PARENT_RUN, mlflow_runs.INHERITED):
            os.environ.pop(name, None)
        atexit.unregister(self._close)
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == self._terminate:
            signal.signal(signal.SIGTERM, self._before)
        if monitor and status != _KILLED:  # a killed process takes its threads with it, and waits for none
            monitor.stop()
        if run_id:
            mlflow_runs.close_run(self._uri, run_id, status)
        if jobs and (is_last or status != "FINISHED"):
            mlflow_runs.close_run(self._uri, jobs, status)

    def _terminate(self, number: int, frame: Any) -> None:
        """End the run's workers, close the run, and end this process as the signal would have."""
        if os.getpid() == self._process:  # a worker that was forked has the handler, too
            for worker in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
            self._close(_KILLED)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _name_part(run_params: dict[str, Any]) -> str:
    """Name the part of the pipeline that a job makes."""
    chosen = next((run_params[name] for name in ("namespaces", "tags", "node_names") if run_params.get(name)), ())
    more = f" and {len(chosen) - 1} more" if len(chosen) > 1 else ""
    return f"{chosen[0]}{more}" if chosen else ""


def _describe_run(run_params: dict[str, Any]) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Give name, tags and configuration of a parent run."""
    from emb_pipeline.provenance.environment import list_versions, read_git_state

    parameters = load_active_parameters()
    use_case = parameters["use_case"]
    tags = {
        "use_case": use_case,
        "kedro_run_id": str(run_params.get("run_id") or run_params.get("session_id")),
        "kedro_command": format_kedro_command(run_params),
        "runner": find_runner_name(run_params),
        "mlflow.source.name": format_kedro_command(run_params),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": getpass.getuser(),
        **read_git_state(project_path()),
    }
    if commit := tags.get("git_commit"):
        tags["mlflow.source.git.commit"] = commit
    if reason := os.environ.get(ACCEPT_STALE, "").strip():
        tags["accept_stale"] = reason
    return f"{use_case}/{tags['kedro_run_id']}", tags, {"parameters": parameters, "versions": list_versions()}
