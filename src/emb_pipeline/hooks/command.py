"""The command line that repeats a run, written from the parameters that Kedro gives to hooks."""

from __future__ import annotations

import re
import shlex
from typing import Any

import click

from emb_pipeline.datasets.mlflow_names import flatten_mapping

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


def format_kedro_command(run_params: dict[str, Any]) -> str:
    """Write the command line that starts the same run."""
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
        words.append("--params " + shlex.quote(",".join(f"{name}={value}" for name, value in flatten_mapping(given))))
    if (runner := find_runner_name(run_params)) != _SEQUENTIAL:
        words.append(f"--runner {runner}")
    if given := _find_option("runner_params"):
        words.append("--runner-params " + ",".join(f"{name}={value}" for name, value in flatten_mapping(given)))
    return " ".join(words)


def find_runner_name(run_params: dict[str, Any]) -> str:
    """Find the name of the runner; Kedro describes an instance by its address."""
    described = str(run_params.get("runner") or _SEQUENTIAL)
    found = re.search(r"(\w+) object at", described)
    return found.group(1) if found else described


def _find_option(option: str) -> Any:
    """Find the value of an option of ``kedro run`` that Kedro does not pass to hooks."""
    context = click.get_current_context(silent=True)
    return context.params.get(option) if context else None
