"""Jobs for Argo Workflows on Kubernetes: a graph of containers."""

from __future__ import annotations

import shlex
from typing import Any

import yaml

from emb_pipeline.datasets.mlflow.jobs import JOBS
from emb_pipeline.hooks.one_run import WAIT
from emb_pipeline.jobs.formats.names import clean, rename
from emb_pipeline.jobs.plan import Plan, PlannedJob

DATA_FOLDER = "/project/data"
"""Folder of results in the image."""
_REFUSED, _LONGEST = "[^A-Za-z0-9-]", 60
_RETRIES = "2"
_USER = 1000


def write_argo(plan: Plan) -> str:
    """Write a Workflow: a template for each job, and the graph of them.

    References
    ----------
    .. [1] Argo Workflows, Field Reference: https://argo-workflows.readthedocs.io/en/latest/fields/
    """
    names = rename((each.name for each in plan), refused=_REFUSED, longest=_LONGEST)
    tasks = [
        {
            "name": names[each.name],
            "template": names[each.name],
            **({"dependencies": [names[need] for need in each.needs]} if each.needs else {}),
        }
        for each in plan
    ]
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"{clean(plan.use_case.lower(), refused='[^a-z0-9-]', longest=50)}-"},
        "spec": {
            "entrypoint": "run",
            "arguments": {"parameters": [{"name": "image", "value": plan.place.image}]},
            "securityContext": {"runAsNonRoot": True, "runAsUser": _USER, "fsGroup": _USER},
            **_mount(plan),
            "templates": [
                {"name": "run", "dag": {"tasks": tasks}},
                *({"name": names[each.name], **_write_template(plan, each)} for each in plan),
            ],
        },
    }
    return str(yaml.safe_dump(workflow, sort_keys=False, width=120))


def _mount(plan: Plan) -> dict[str, Any]:
    if not plan.place.volume:
        return {}
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": plan.place.volume}}]}


def _write_template(plan: Plan, planned: PlannedJob) -> dict[str, Any]:
    command, *arguments = shlex.split(planned.command)
    mounted = {"volumeMounts": [{"name": "data", "mountPath": DATA_FOLDER}]} if plan.place.volume else {}
    return {
        "retryStrategy": {"limit": _RETRIES, "retryPolicy": "Always"},
        "container": {
            "image": "{{workflow.parameters.image}}",
            "command": [command],
            "args": arguments,
            "env": list_variables(plan, planned, "{{workflow.name}}"),
            "resources": ask_resources(planned),
            **mounted,
        },
    }


def list_variables(plan: Plan, planned: PlannedJob, jobs: str) -> list[dict[str, str]]:
    """List the environment variables of a container as Kubernetes and AWS take them.

    A job that is started again waits until the lease of the one that was killed is over.
    """
    given = {JOBS: jobs, WAIT: "1", **count_threads(planned), **plan.place.variables}
    return [{"name": name, "value": value} for name, value in given.items()]


def count_threads(planned: PlannedJob) -> dict[str, str]:
    """Name the variables that limit the threads of numerical libraries to the cores of a job."""
    return {name: str(planned.takes.cores) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


def ask_resources(planned: PlannedJob) -> dict[str, dict[str, str]]:
    """Ask Kubernetes for what is expected; the highest estimate of memory is the limit."""
    takes = planned.takes
    gpus = {"nvidia.com/gpu": str(takes.gpus)} if takes.gpus else {}
    most = -(-planned.memory_bytes // 2**20)
    expected = min(-(-round(takes.memory_bytes[1]) // 2**20), most)
    return {
        "requests": {"cpu": str(takes.cores), "memory": f"{expected}Mi", **gpus},
        "limits": {"memory": f"{most}Mi", **gpus},
    }
