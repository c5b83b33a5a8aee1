"""The hook that opens one MLflow run for each ``kedro run``."""

from __future__ import annotations

import atexit
import getpass
import hashlib
import json
import os
import re
import signal
import threading
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from kedro.framework.hooks import hook_impl

from emb_pipeline.config.active import (
    find_active_loader,
    find_artifact_location,
    find_tracking_uri,
    load_active_parameters,
    project_path,
)
from emb_pipeline.config.loader import USUAL_DATA_ROOT
from emb_pipeline.datasets.mlflow import runs as mlflow_runs
from emb_pipeline.datasets.mlflow.jobs import JOBS
from emb_pipeline.datasets.mlflow.origin import INHERITED, PARENT_RUN, RUN_KEY
from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.hooks.command import find_runner_name, format_kedro_command
from emb_pipeline.hooks.freshness import ACCEPT_STALE
from emb_pipeline.hooks.one_run import list_used_elsewhere
from emb_pipeline.hooks.tracking.unsent_runs import Parent, UnsentRuns
from emb_pipeline.redaction import redact
from emb_pipeline.storage.local_paths import is_url

_KILLED = "KILLED"
_OTHERS = ("__default__", "deploy")
"""Pipelines whose results an earlier run may have kept from MLflow."""
_NOT_IN_KEYS = re.compile(r"[^\w.:-]")


class ParentRun:
    """One MLflow run per ``kedro run``, with what is needed to repeat it; the runs of its cells are its children.

    Where ``EMB_PIPELINE_JOBS`` says that the run is a job among others, it is a child itself: of the run of all these jobs.
    A job that is started again has the same run.

    It is closed however the run ends. Kedro tells hooks of errors alone: Ctrl-C is seen when the process exits, SIGTERM by a
    handler, which ends the workers of a parallel run, too. After SIGKILL the next run closes it.

    MLflow may be away at any moment. What it does not take is kept and sent when the run ends, or by a later run, under the
    run that it belongs to.
    """

    def __init__(self) -> None:
        self._uri, self._artifacts, self._process = "", "", 0
        self._parent: Parent | None = None
        self._unsent = UnsentRuns(Path())
        self._monitor: Any = None

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Open the parent run."""
        from emb_pipeline.datasets.mlflow.machine import MachineMonitor
        from emb_pipeline.datasets.mlflow.store import is_unreachable

        self._uri, self._artifacts, self._process = find_tracking_uri(), find_artifact_location(), os.getpid()
        self._unsent = UnsentRuns(_find_unsent_folder())
        parent = _describe_run(run_params).open(self._uri, self._artifacts)
        inherited = {tag: parent.tags[tag] for tag in mlflow_runs.OF_ORIGIN if tag in parent.tags}
        if parent.run_id:
            os.environ[PARENT_RUN] = parent.run_id
            self._monitor = MachineMonitor(self._uri, parent.run_id)
            self._monitor.start()
        if parent.run_id or is_unreachable(self._uri):  # the runs of cells wait for it; not for one that is refused
            inherited[RUN_KEY] = parent.key
            self._parent = parent
        if not parent.run_id and self._parent:
            self._unsent.keep(parent)
        os.environ[INHERITED] = redact(json.dumps(inherited))
        atexit.register(self._close, _KILLED)
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._terminate)

    @hook_impl
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Write what MLflow could not take before, give cells and parent run what was found, and close it."""
        from emb_pipeline.datasets.mlflow import leaderboard as mlflow_leaderboard
        from emb_pipeline.hooks.tracking import answer as mlflow_answer

        self._send(pipeline, catalog)
        marker = _find_unsent_folder() / "leaderboard"
        is_reported = "report_page" in pipeline.all_outputs()
        if (is_reported or marker.is_file()) and all(catalog.exists(name) for name in mlflow_answer.ANSWER):
            use_case = load_active_parameters()["use_case"]
            if mlflow_leaderboard.track_leaderboard(self._uri, use_case, *mlflow_answer.gather_leaderboard(catalog)):
                marker.unlink(missing_ok=True)
            else:
                marker.parent.mkdir(parents=True, exist_ok=True)
                marker.touch()
            if is_reported and self._parent:
                answer = mlflow_answer.gather_answer(catalog)
                if not (self._parent.run_id and mlflow_runs.write_answer(self._uri, self._parent.place_of_answer, answer)):
                    self._unsent.keep_answer(self._parent, answer)
                    self._unsent.keep(self._parent)
        self._close("FINISHED", is_last=is_reported)

    @hook_impl
    def on_pipeline_error(self, pipeline: Any, catalog: Any) -> None:
        """Write what MLflow could not take before, and close the parent run as failed."""
        self._send(pipeline, catalog)
        self._close("FAILED")

    def _send(self, pipeline: Any, catalog: Any) -> None:
        """Write what MLflow could not take before, of this run and of earlier ones."""
        from kedro.framework.project import pipelines

        from emb_pipeline.datasets.mlflow import store as mlflow_store

        # A result that another job is writing may get its run in this moment, and would get two.
        used = None
        with suppress(EmbPipelineError):
            used = list_used_elsewhere(Path(load_active_parameters()["folders"]["models"]))
        mlflow_store.forget_outages()
        self._unsent.send(self._uri, self._artifacts)
        if self._parent:
            self._parent = self._parent.open(self._uri, self._artifacts)
            if self._parent.run_id:
                os.environ[PARENT_RUN] = self._parent.run_id
        others = {name for part in _OTHERS for name in pipelines[part].all_outputs()}
        for name in sorted(pipeline.all_outputs() | (others - used if used is not None else set())):
            flush = getattr(catalog.get(name), "flush", None)
            if flush is not None:
                flush()

    def _close(self, status: str, *, is_last: bool = False) -> None:
        parent, self._parent = self._parent, None
        monitor, self._monitor = self._monitor, None
        for name in (PARENT_RUN, INHERITED):
            os.environ.pop(name, None)
        atexit.unregister(self._close)
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == self._terminate:
            signal.signal(signal.SIGTERM, self._before)
        if monitor and status != _KILLED:  # a killed process takes its threads with it, and waits for none
            monitor.stop()
        if parent is None:
            return
        parent = parent.end(status, is_last=is_last)
        if parent.close(self._uri):
            self._unsent.forget(parent)
        else:
            self._unsent.keep(parent)

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


def _describe_run(run_params: dict[str, Any]) -> Parent:
    """Describe the parent run, without a run in MLflow yet."""
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
    jobs, part = os.environ.get(JOBS, ""), _name_part(run_params)
    own = tags["kedro_run_id"] if not (jobs and part) else part
    if jobs and part:
        key = f"{use_case}.{jobs}.{hashlib.sha256(tags['kedro_command'].encode()).hexdigest()[:16]}"
    else:
        key = f"{tags['kedro_run_id']}.{uuid.uuid4().hex[:8]}"
    tags[RUN_KEY] = _NOT_IN_KEYS.sub("_", key)
    return Parent(f"{use_case}/{own}", tags, {"parameters": parameters, "versions": list_versions()}, jobs)


def _find_unsent_folder() -> Path:
    """Find the folder of what MLflow has not taken: next to the results, or in data/ where these are in a bucket."""
    globals_ = find_active_loader()["globals"]
    root = str(globals_.get("data_root", USUAL_DATA_ROOT))
    root = USUAL_DATA_ROOT if is_url(root) else root
    return project_path() / root / "07_model_output" / str(globals_["use_case"]) / ".unsent_runs"
