"""The hook that opens one MLflow run for each ``kedro run``."""

from __future__ import annotations

import atexit
import getpass
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from kedro.framework.hooks import hook_impl

from emb_pipeline.config.active import find_tracking_uri, load_active_parameters, project_path
from emb_pipeline.hooks.answer_tables import load_answer_tables
from emb_pipeline.hooks.command import find_runner_name, format_kedro_command
from emb_pipeline.hooks.freshness import ACCEPT_STALE

_ANSWER = ("leaderboard", "decision", "relaxations", "report.joint_choice")
"""Tables that the answer of a run is written from."""


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
        from emb_pipeline.datasets import mlflow_runs

        self._uri, self._process = find_tracking_uri(), os.getpid()
        self._run_id = mlflow_runs.open_run(self._uri, self.EXPERIMENT, *_describe_run(run_params))
        if self._run_id:
            os.environ[mlflow_runs.PARENT_RUN] = self._run_id
        atexit.register(self._close, "KILLED")
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._terminate)

    @hook_impl
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Write what MLflow could not take before, give the parent run its answer, and close it."""
        from kedro.framework.project import pipelines

        from emb_pipeline.datasets import mlflow_runs

        mlflow_runs.forget_outages()
        for name in sorted(pipelines["__default__"].all_outputs()):
            flush = getattr(catalog.get(name), "flush", None)
            if flush is not None:
                flush()
        is_answered = "report_page" in pipeline.all_outputs() and all(catalog.exists(name) for name in _ANSWER)
        if self._run_id and is_answered:
            mlflow_runs.write_answer(self._uri, self._run_id, *_gather_answer(catalog))
        self._close("FINISHED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Close the parent run as failed."""
        self._close("FAILED")

    def _close(self, status: str) -> None:
        from emb_pipeline.datasets import mlflow_runs

        run_id, self._run_id = self._run_id, None
        os.environ.pop(mlflow_runs.PARENT_RUN, None)
        atexit.unregister(self._close)
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == self._terminate:
            signal.signal(signal.SIGTERM, self._before)
        if run_id:
            mlflow_runs.close_run(self._uri, run_id, status)

    def _terminate(self, number: int, frame: Any) -> None:
        """End the run's workers, close the run, and end this process as the signal would have."""
        if os.getpid() == self._process:  # a worker that was forked has the handler, too
            for worker in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
            self._close("KILLED")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _gather_answer(catalog: Any) -> tuple[dict[str, str], dict[str, float], Path]:
    """Gather what a run found: the answer in Markdown and the leaderboard, the highest score of each task, and the page."""
    from emb_pipeline.reporting.markdown import write_answer
    from emb_pipeline.reporting.rows import CONTROL, select_primary, tasks_of

    folder = project_path() / "data" / "08_reporting" / load_active_parameters()["use_case"]
    board = catalog.load("leaderboard").to_pandas()
    able = board[board["origin"] != CONTROL]
    best = {f"best/{task}": float(select_primary(able, task)["value"].iloc[0]) for task in tasks_of(able)}
    counts = {"n_embeddings": float(board["embedding"].nunique()), "n_tasks": float(len(best))}
    texts = {"answer.md": write_answer(load_answer_tables(catalog)), "leaderboard.csv": board.to_csv(index=False)}
    return texts, {**best, **counts}, folder / "latest" / "report.html"


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
