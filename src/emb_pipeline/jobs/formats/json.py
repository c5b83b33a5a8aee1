"""Jobs as JSON for programs."""

from __future__ import annotations

import json
from typing import Any

from emb_pipeline.jobs.plan import NOTE, Plan, PlannedJob


def write_json(plan: Plan) -> str:
    """Write a list in an order in which each job follows those that it needs."""
    return json.dumps({"note": NOTE, "jobs": list(map(_describe, plan))}, indent=2) + "\n"


def _describe(planned: PlannedJob) -> dict[str, Any]:
    return {
        "name": planned.name,
        "needs": list(planned.needs),
        "command": planned.command,
        "nodes": [node.name for node in planned.job.nodes.nodes],
        "cores": planned.takes.cores,
        "gpus": planned.takes.gpus,
        "memory_bytes": _write_range(planned.takes.memory_bytes),
        "seconds": _write_range(planned.takes.seconds),
    }


def _write_range(values: tuple[float, float, float]) -> dict[str, int]:
    return {name: round(value) for name, value in zip(("low", "expected", "high"), values, strict=True)}
