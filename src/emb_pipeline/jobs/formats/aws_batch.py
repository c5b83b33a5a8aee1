"""Jobs for AWS Batch: a job definition, and a submission for each job."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from emb_pipeline.jobs.formats.argo import DATA_FOLDER, list_variables
from emb_pipeline.jobs.formats.names import clean, rename
from emb_pipeline.jobs.plan import Plan, PlannedJob

_REFUSED, _LONGEST = "[^A-Za-z0-9_-]", 128
_MOST_NEEDS = 20
"""Jobs that a job of AWS Batch can depend on."""
_ATTEMPTS = 3
_JOIN_VCPUS, _JOIN_MEBIBYTES = 1, 128


def write_aws_batch(plan: Plan) -> str:
    """Write the parameters of RegisterJobDefinition, and those of SubmitJob for each job, as JSON.

    A job needs others by their names. Who submits puts in the ids that AWS gives them, in the order of the list. A job that
    needs more than 20 others needs jobs that wait for 20 each, and do nothing.

    References
    ----------
    .. [1] AWS Batch, API Reference: https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
    """
    names = rename((each.name for each in plan), refused=_REFUSED, longest=_LONGEST - 20)
    definition = clean(f"emb-pipeline-{plan.use_case}", refused=_REFUSED, longest=_LONGEST)
    jobs = [job for each in plan for job in _submit(plan, each, names, definition)]
    return json.dumps({"jobDefinition": _define(plan, definition), "jobs": jobs}, indent=2) + "\n"


def _define(plan: Plan, name: str) -> dict[str, Any]:
    container: dict[str, Any] = {
        "image": plan.place.image,
        "command": ["kedro", "run", "--help"],
        "resourceRequirements": _ask(_JOIN_VCPUS, _JOIN_MEBIBYTES),
    }
    if plan.place.volume:
        files = {"fileSystemId": plan.place.volume, "transitEncryption": "ENABLED"}
        container["volumes"] = [{"name": "data", "efsVolumeConfiguration": files}]
        container["mountPoints"] = [{"sourceVolume": "data", "containerPath": DATA_FOLDER}]
    return {
        "jobDefinitionName": name,
        "type": "container",
        "platformCapabilities": ["EC2"],
        "containerProperties": container,
        "retryStrategy": {"attempts": _ATTEMPTS},
    }


def _submit(plan: Plan, planned: PlannedJob, names: dict[str, str], definition: str) -> Iterator[dict[str, Any]]:
    """Write a job after those that only wait for others."""
    name, needs = names[planned.name], [names[need] for need in planned.needs]
    level = 1
    while len(needs) > _MOST_NEEDS:
        joins = [f"{name}-join-{level}-{part}" for part in range(1, -(-len(needs) // _MOST_NEEDS) + 1)]
        for part, join in enumerate(joins):
            waits_for = needs[part * _MOST_NEEDS : (part + 1) * _MOST_NEEDS]
            overrides = {"command": ["true"], "resourceRequirements": _ask(_JOIN_VCPUS, _JOIN_MEBIBYTES)}
            yield _describe(join, definition, waits_for, overrides)
        needs, level = joins, level + 1
    overrides = {
        "command": shlex.split(planned.command),
        "environment": list_variables(plan, planned, plan.planned_at),
        "resourceRequirements": _ask(planned.takes.cores, -(-planned.memory_bytes // 2**20), planned.takes.gpus),
    }
    yield _describe(name, definition, needs, overrides)


def _describe(name: str, definition: str, needs: Sequence[str], overrides: dict[str, Any]) -> dict[str, Any]:
    job = {"jobName": name, "jobDefinition": definition, "containerOverrides": overrides}
    return {**job, **({"dependsOn": [{"jobId": need} for need in needs]} if needs else {})}


def _ask(vcpus: int, mebibytes: int, gpus: int = 0) -> list[dict[str, str]]:
    wanted = {"VCPU": vcpus, "MEMORY": mebibytes, "GPU": gpus}
    return [{"type": kind, "value": str(value)} for kind, value in wanted.items() if value]
