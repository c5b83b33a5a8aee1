"""Jobs for Airflow: a DAG as a Python file."""

from __future__ import annotations

import pprint
import shlex
from typing import Any

from emb_pipeline.datasets.mlflow.jobs import JOBS
from emb_pipeline.hooks.one_run import WAIT
from emb_pipeline.jobs.formats.argo import DATA_FOLDER, ask_resources, count_threads
from emb_pipeline.jobs.plan import Plan, PlannedJob

_HEAD = '''\
"""The use case {use_case} as a DAG of Airflow 3."""

from datetime import timedelta

{imports}
{constants}
JOBS = {jobs}

AGAIN = {{"retries": 2, "retry_delay": timedelta(minutes=1)}}

with DAG(dag_id={dag_id!r}, schedule=None, catchup=False, default_args=AGAIN):
    tasks = {{job["name"]: make_task(job) for job in JOBS}}
    for job in JOBS:
        for need in job["needs"]:
            tasks[need] >> tasks[job["name"]]
'''
_SHELL_IMPORTS = """\
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
"""
_SHELL = """
PROJECT = "/project"  # the folder with conf/ and pyproject.toml, on the workers
VARIABLES = {variables}


def make_task(job):
    return BashOperator(
        task_id=job["name"],
        bash_command=job["command"],
        cwd=PROJECT,
        env={{**VARIABLES, **job["variables"]}},
        append_env=True,
    )


"""
_POD_IMPORTS = """\
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from kubernetes.client import models as k8s
"""
_POD = """
IMAGE = {image!r}
VOLUME = {volume!r}  # a persistent volume claim that all jobs mount; empty where results are at a URL
VARIABLES = {variables}


def make_task(job):
    claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name=VOLUME)
    return KubernetesPodOperator(
        task_id=job["name"],
        image=IMAGE,
        cmds=job["words"][:1],
        arguments=job["words"][1:],
        env_vars={{**VARIABLES, **job["variables"]}},
        container_resources=k8s.V1ResourceRequirements(**job["resources"]),
        volumes=[k8s.V1Volume(name="data", persistent_volume_claim=claim)] if VOLUME else [],
        volume_mounts=[k8s.V1VolumeMount(name="data", mount_path={folder!r})] if VOLUME else [],
        on_finish_action="delete_succeeded_pod",
    )


"""


def write_airflow(plan: Plan) -> str:
    """Write a DAG: pods where the plan names an image, else commands of a shell on Airflow's workers.

    References
    ----------
    .. [1] KubernetesPodOperator: https://airflow.apache.org/docs/apache-airflow-providers-cncf-kubernetes/stable/operators.html
    """
    image, variables = plan.place.image, _write_literal({JOBS: "{{ run_id }}", WAIT: "1", **plan.place.variables})
    pods = _POD.format(image=image, volume=plan.place.volume, variables=variables, folder=DATA_FOLDER)
    return _HEAD.format(
        use_case=plan.use_case,
        dag_id=f"emb_pipeline.{plan.use_case}",
        imports=_POD_IMPORTS if image else _SHELL_IMPORTS,
        constants=pods if image else _SHELL.format(variables=variables),
        jobs=_write_literal([_describe(each, in_pods=bool(image)) for each in plan]),
    )


def _describe(planned: PlannedJob, *, in_pods: bool) -> dict[str, Any]:
    command = {"words": shlex.split(planned.command), "resources": ask_resources(planned)}
    return {
        "name": planned.name,
        "needs": list(planned.needs),
        "variables": count_threads(planned),
        **(command if in_pods else {"command": planned.command}),
    }


def _write_literal(value: Any) -> str:
    return pprint.pformat(value, width=120, sort_dicts=False)
