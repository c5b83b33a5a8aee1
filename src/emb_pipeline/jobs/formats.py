"""Jobs as text: for people, and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emb_pipeline.hooks.command import format_kedro_command
from emb_pipeline.hooks.display.words import write_time
from emb_pipeline.jobs.graph import Job
from emb_pipeline.jobs.resources import Resources

Planned = Sequence[tuple[Job, Resources]]
_NOTE = "Memory and time are estimates, wide ones."


def write_command(job: Job, env: str | None) -> str:
    """Write the command that makes what is missing of a job."""
    return format_kedro_command({"env": env, **job.selection, "only_missing_outputs": True})


def write_table(planned: Planned, env: str | None) -> str:
    """Write the jobs as a table for people, and their commands below."""
    head = ("job", "nodes", "memory", "cores", "GPU", "time", "needs")
    rows = [
        (
            job.name,
            str(len(job.nodes.nodes)),
            f"{takes.memory_bytes[1] / 1e9:.1f} GB",
            str(takes.cores),
            str(takes.gpus or ""),
            write_time(takes.seconds[1]),
            _shorten(job.needs),
        )
        for job, takes in planned
    ]
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)]
    commands = [f"{job.name}: {write_command(job, env)}" for job, _ in planned]
    return "\n".join([*lines, "", _NOTE, "", *commands]) + "\n"


def write_json(planned: Planned, env: str | None) -> str:
    """Write the jobs as JSON: a list in an order in which each job follows those that it needs."""
    return json.dumps({"note": _NOTE, "jobs": [_describe(job, takes, env) for job, takes in planned]}, indent=2) + "\n"


def _describe(job: Job, takes: Resources, env: str | None) -> dict[str, Any]:
    return {
        "name": job.name,
        "needs": list(job.needs),
        "command": write_command(job, env),
        "nodes": [node.name for node in job.nodes.nodes],
        "cores": takes.cores,
        "gpus": takes.gpus,
        "memory_bytes": _write_range(takes.memory_bytes),
        "seconds": _write_range(takes.seconds),
    }


def _write_range(values: tuple[float, float, float]) -> dict[str, int]:
    return {name: round(value) for name, value in zip(("low", "expected", "high"), values, strict=True)}


def _shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


FORMATS: Mapping[str, Callable[[Planned, str | None], str]] = {"table": write_table, "json": write_json}
