"""The command line that repeats a run, written from the parameters that Kedro gives to hooks."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from typing import Any

import click

from emb_pipeline.datasets.mlflow.names import flatten_mapping

ACCEPT_STALE = "EMB_PIPELINE_ACCEPT_STALE"
"""Environment variable with the reason to use stale results as they are; ``kedro run --accept-stale`` sets it."""

REMAKE_STALE = "EMB_PIPELINE_REMAKE_STALE"
"""Environment variable that has stale results made again; ``kedro run --remake-stale`` sets it."""

OWN_RUNNERS = "emb_pipeline.runners"
"""Module of the project's own runners. Each says how many workers it has: ``<emb_pipeline.runners.X with 4 workers>``."""
BUDGET, OUTCOME = "budget", "outcome"
"""The option of a run under a budget, and the parameter below ``choosing`` that its rounds fill in."""
_SEQUENTIAL = "SequentialRunner"
_FLAGS = {
    "tags": "tags",
    "node_names": "nodes",
    "from_nodes": "from-nodes",
    "to_nodes": "to-nodes",
    "from_inputs": "from-inputs",
    "to_outputs": "to-outputs",
    "namespaces": "namespaces",
}


def format_kedro_command(run_params: Mapping[str, Any]) -> str:
    """Write the command line that starts the same run.

    Parameters
    ----------
    run_params : mapping
        What Kedro gives to hooks, or a part of it. What Kedro keeps from hooks (parameters of the runner, stale results) is
        written where the part that it belongs to is there: `runner`, `only_missing_outputs`.
    """
    words = ["kedro run"]
    if run_params.get("env"):
        words.append(f"--env {run_params['env']}")
    if (budget := _find_option(BUDGET)) is not None:
        run_params, words = _leave_out_rounds(run_params), [*words, f"--{BUDGET} {shlex.quote(budget.written)}"]
    names = run_params.get("pipeline_names") or [run_params.get("pipeline_name")]
    if chosen := [name for name in names if name and name != "__default__"]:
        words.append(f"--pipelines {','.join(chosen)}")
    words += [_write_list(flag, run_params[name]) for name, flag in _FLAGS.items() if run_params.get(name)]
    if versions := run_params.get("load_versions"):
        words.append(_write_list("load-versions", [f"{name}:{version}" for name, version in versions.items()]))
    if given := run_params.get("runtime_params"):
        words.append("--params " + _write_pairs(given))
    if "only_missing_outputs" in run_params:
        words += _write_reuse(is_only_missing=bool(run_params["only_missing_outputs"]))
    if "runner" in run_params:
        words += _write_runner(run_params)
    return " ".join(words)


def continue_command(run_params: Mapping[str, Any]) -> str:
    """Write the command line that makes what is still missing of a run."""
    return format_kedro_command({**run_params, "only_missing_outputs": True})


def read_run_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Name the options of ``kedro run`` as Kedro names them to hooks."""
    names = options.get("pipelines") or [options.get("pipeline")]
    same = (*_FLAGS, "env", "load_versions", "runner", "only_missing_outputs")
    return {
        **{name: options.get(name) for name in same},
        "pipeline_names": names,
        "runtime_params": options.get("params"),
    }


def find_runner_name(run_params: Mapping[str, Any]) -> str:
    """Find the name of the runner, as ``--runner`` takes it; Kedro gives an instance as text."""
    described = str(run_params.get("runner") or _SEQUENTIAL)
    found = re.search(rf"((?:{re.escape(OWN_RUNNERS)}\.)?\w+) (?:object at|with)", described)
    return found.group(1) if found else described


def find_worker_count(run_params: Mapping[str, Any]) -> int:
    """Find how many nodes run at once."""
    if find_runner_name(run_params) == _SEQUENTIAL:
        return 1
    if found := re.search(r" with (\d+) workers", str(run_params.get("runner"))):
        return int(found.group(1))
    given = (_find_option("runner_params") or {}).get("max_workers")
    return int(given) if given else os.cpu_count() or 1


def _leave_out_rounds(run_params: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a run under a budget what the budget's own command says: its rounds fill it in."""
    given = dict(run_params.get("runtime_params") or {})
    given.pop("pace", None)
    choosing = {name: value for name, value in (given.pop("choosing", None) or {}).items() if name != OUTCOME}
    kept = {name: value for name, value in run_params.items() if name not in ("to_outputs", "only_missing_outputs")}
    return {**kept, "runtime_params": {**given, **({"choosing": choosing} if choosing else {})}}


def _write_runner(run_params: Mapping[str, Any]) -> list[str]:
    words = []
    runner = _find_option("runner") or find_runner_name(run_params)
    if runner != _SEQUENTIAL:
        words.append(f"--runner {runner}")
    if given := _find_option("runner_params"):
        words.append("--runner-params " + _write_pairs(given))
    if _find_option("is_async"):
        words.append("--async")
    if source := _find_option("conf_source"):
        words.append("--conf-source " + shlex.quote(str(source)))
    return words


def _write_reuse(*, is_only_missing: bool) -> list[str]:
    words = ["--only-missing-outputs"] if is_only_missing else []
    if is_only_missing and os.environ.get(REMAKE_STALE):
        words.append("--remake-stale")
    if reason := os.environ.get(ACCEPT_STALE, "").strip():
        words.append("--accept-stale " + shlex.quote(reason))
    return words


def _write_list(flag: str, values: Any) -> str:
    return f"--{flag} " + shlex.quote(",".join(values))


def _write_pairs(given: Mapping[str, Any]) -> str:
    return shlex.quote(",".join(f"{name}={value}" for name, value in flatten_mapping(given)))


def _find_option(option: str) -> Any:
    """Find the value of an option of ``kedro run`` that Kedro does not pass to hooks."""
    context = click.get_current_context(silent=True)
    return context.params.get(option) if context else None
