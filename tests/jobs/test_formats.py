"""Jobs in the formats of batch systems: each is taken by what reads it, and keeps the order of jobs."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.pipeline import Pipeline, node

from emb_pipeline.jobs.formats.names import rename
from emb_pipeline.jobs.formats.registry import FORMATS
from emb_pipeline.jobs.graph import build_jobs
from emb_pipeline.jobs.plan import Place, Plan, plan_jobs
from emb_pipeline.jobs.resources import Resources

STAGES = ["ingest", "train", "evaluate", "report"]
LARGE = Resources((1.0, 60.0, 7200.0), (1e9, 4e9, 12e9), 2, 1)
SMALL = Resources((0.1, 1.0, 10.0), (4e8, 8e8, 2.4e9), 1, 0)


def take(*_inputs: Any) -> None:
    """A step."""


def make_plan(n: int = 3, **place: Any) -> Plan:
    """A run of some embeddings, the first of which takes a GPU."""
    names = [f"domain.word2vec_{number}" for number in range(n)]
    steps = [node(take, None, "texts", name="read", tags=["ingest"])]
    for name in names:
        steps.append(node(take, "texts", f"{name}.scores", name="train", namespace=name, tags=["train"]))
    steps.append(node(take, [f"{name}.scores" for name in names], "scores", name="gather", tags=["evaluate"]))
    steps.append(node(take, "scores", "page", name="write", tags=["report"]))
    jobs = build_jobs(Pipeline(steps), names, STAGES)
    estimated = [(job, LARGE if job.name == names[0] else SMALL) for job in jobs]
    return plan_jobs("shop", "shop", estimated, Place(**place))


def check_order(order: list[str], plan: Plan) -> None:
    assert sorted(order) == sorted(each.name for each in plan)
    for each in plan:
        assert all(order.index(need) < order.index(each.name) for need in each.needs), order


def write_script(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def run(*command: str, cwd: Path, **variables: str) -> str:
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_make_runs_each_job_once_after_those_that_it_needs(tmp_path: Path) -> None:
    plan = make_plan(variables={"ANSWER": "it costs 4$"})
    (tmp_path / "jobs.mk").write_text(FORMATS["make"](plan))
    note = write_script(tmp_path / "kedro.sh", '#!/bin/sh\necho "$@ [$EMB_PIPELINE_JOBS] [$ANSWER]" >> log\n')
    run("make", "-j2", "-f", "jobs.mk", f"KEDRO={note}", cwd=tmp_path)
    lines = (tmp_path / "log").read_text().splitlines()
    of_command = {each.command: each.name for each in plan}
    check_order([of_command[f"kedro {line.partition(' [')[0]}"] for line in lines], plan)
    assert len({line.partition(" [")[2] for line in lines}) == 1 and "[it costs 4$]" in lines[0]
    assert "Nothing to be done" in run("make", "-f", "jobs.mk", f"KEDRO={note}", cwd=tmp_path)
    run("make", "-f", "jobs.mk", "again", f"KEDRO={note}", cwd=tmp_path)
    assert len((tmp_path / "log").read_text().splitlines()) == 2 * len(lines)


def test_make_leaves_out_what_needs_a_job_that_failed(tmp_path: Path) -> None:
    plan = make_plan()
    (tmp_path / "jobs.mk").write_text(FORMATS["make"](plan))
    fail = write_script(tmp_path / "kedro.sh", '#!/bin/sh\necho "$@" >> log\ncase "$*" in *word2vec_1*) exit 1;; esac\n')
    command = ["make", "-k", "-f", "jobs.mk", f"KEDRO={fail}"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode
    done = {file.name for file in (tmp_path / "data/.jobs/shop").iterdir() if not file.name.startswith(".")}
    assert done == {"ingest", "domain.word2vec_0", "domain.word2vec_2"}


SBATCH = """#!/bin/bash
# Runs a job at once, where those that it names have ended well.
for word in "$@"; do
    case $word in
        --dependency=afterok:*) for need in $(echo "${word#*afterok:}" | tr : ' '); do [ -e "done/$need" ] || exit 3; done;;
        --wrap=*) command=${word#--wrap=};;
    esac
done
mkdir -p done; number=$(($(ls done | wc -l) + 100))
printf '%s\\n' "$*" >> submitted
bash -c "$command" >&2 && touch "done/$number"
echo "$number;cluster"
"""


def test_slurm_gets_each_job_with_the_numbers_of_those_that_it_needs(tmp_path: Path) -> None:
    plan = make_plan(variables={"ANSWER": "it's"})
    (tmp_path / "jobs.sh").write_text(FORMATS["slurm"](plan))
    (tmp_path / "bin").mkdir()
    write_script(tmp_path / "bin/sbatch", SBATCH)
    write_script(
        tmp_path / "bin/kedro",
        '#!/bin/sh\necho "$@ [$EMB_PIPELINE_JOBS] $ANSWER $OMP_NUM_THREADS $EMB_PIPELINE_WAIT" >> log\n',
    )
    run("bash", "-n", "jobs.sh", cwd=tmp_path)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    printed = run("bash", "jobs.sh", "--partition=long", cwd=tmp_path, PATH=path)
    assert [line.split()[1] for line in printed.splitlines()] == [each.name for each in plan]
    lines = (tmp_path / "log").read_text().splitlines()
    of_command = {each.command: each.name for each in plan}
    check_order([of_command[f"kedro {line.partition(' [')[0]}"] for line in lines], plan)
    assert lines[1].endswith("it's 2 1") and lines[2].endswith("it's 1 1")
    submitted = (tmp_path / "submitted").read_text().splitlines()
    assert all("--partition=long" in line for line in submitted)
    assert "--cpus-per-task=2 --mem=11445M --time=131 --gpus=1 --dependency=afterok:100 " in submitted[1]
    assert "--gpus" not in submitted[2] and "--dependency=afterok:101:102:103 " in submitted[4]


def test_argo_gets_a_graph_of_containers() -> None:
    plan = make_plan(image="registry/emb:1", volume="results", variables={"MLFLOW_TRACKING_URI": "http://mlflow:5000"})
    workflow = yaml.safe_load(FORMATS["argo"](plan))
    assert (workflow["apiVersion"], workflow["kind"]) == ("argoproj.io/v1alpha1", "Workflow")
    spec = workflow["spec"]
    templates = {each["name"]: each for each in spec["templates"]}
    tasks = {each["name"]: each for each in templates[spec["entrypoint"]]["dag"]["tasks"]}
    assert all(re.fullmatch("[a-zA-Z0-9][-a-zA-Z0-9]*", name) for name in [*tasks, *templates])
    assert {each["template"] for each in tasks.values()} == set(templates) - {spec["entrypoint"]}
    assert "dependencies" not in tasks["ingest"] and tasks["domain-word2vec-0"]["dependencies"] == ["ingest"]
    assert len(tasks["evaluate"]["dependencies"]) == 3
    container = templates["domain-word2vec-0"]["container"]
    assert container["command"] + container["args"] == shlex.split(plan.jobs[1].command)
    assert container["resources"] == {
        "requests": {"cpu": "2", "memory": "3815Mi", "nvidia.com/gpu": "1"},
        "limits": {"memory": "11445Mi", "nvidia.com/gpu": "1"},
    }
    assert spec["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "results"}}]
    assert container["volumeMounts"][0]["name"] == "data"
    env = {each["name"]: each["value"] for each in container["env"]}
    assert env["MLFLOW_TRACKING_URI"] == "http://mlflow:5000" and env["EMB_PIPELINE_JOBS"] == "{{workflow.name}}"
    assert env["EMB_PIPELINE_WAIT"] == "1"  # the job of a machine that was lost leaves a lease for a minute


@pytest.mark.parametrize("n", [3, 50])
def test_aws_batch_gets_jobs_that_depend_on_twenty_others_at_most(n: int) -> None:
    plan = make_plan(n, image="registry/emb:1", volume="fs-1234")
    written = json.loads(FORMATS["aws-batch"](plan))
    check_by_model(written)
    seen: set[str] = set()
    for job in written["jobs"]:
        assert re.fullmatch("[A-Za-z0-9_-]{1,128}", job["jobName"]) and job["jobName"] not in seen
        needs = [each["jobId"] for each in job.get("dependsOn", [])]
        assert set(needs) <= seen and len(needs) <= 20
        seen.add(job["jobName"])
    jobs = {job["jobName"]: job for job in written["jobs"]}
    assert collect_needs(jobs, "evaluate") >= {f"domain-word2vec_{number}" for number in range(n)}
    asked = {each["type"]: each["value"] for each in jobs["domain-word2vec_0"]["containerOverrides"]["resourceRequirements"]}
    assert asked == {"VCPU": "2", "MEMORY": "11445", "GPU": "1"}


def test_the_lines_of_the_page_submit_every_job_to_aws_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs/batch/aws-batch.md").read_text(encoding="utf-8")
    (script,) = re.findall("```python\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "jobs.json").write_text(FORMATS["aws-batch"](make_plan(50, image="registry/emb:1")))
    submitted: dict[str, Any] = {}

    def submit_job(**job: Any) -> dict[str, str]:
        check_by_model({"jobDefinition": submitted["definition"], "jobs": [job]})
        assert job["jobQueue"] == "queue" and all(each["jobId"] in submitted for each in job["dependsOn"])
        number = f"id-{len(submitted)}"
        submitted[number] = job["jobName"]
        return {"jobId": number}

    client = types.SimpleNamespace(
        register_job_definition=lambda **definition: submitted.update(definition=definition), submit_job=submit_job
    )
    boto3 = types.ModuleType("boto3")
    boto3.client = {"batch": client}.__getitem__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    monkeypatch.setattr(sys, "argv", ["submit.py", str(tmp_path / "jobs.json"), "queue"])
    exec(compile(script, "submit.py", "exec"), {})
    assert len(submitted) == 1 + 53 + len([name for name in submitted.values() if "-join-" in str(name)])


def collect_needs(jobs: Mapping[str, Any], name: str) -> set[str]:
    direct = {each["jobId"] for each in jobs[name].get("dependsOn", [])}
    return direct.union(*(collect_needs(jobs, need) for need in direct))


def check_by_model(written: Mapping[str, Any]) -> None:
    """Check what AWS would be sent by its own model of the service, where botocore is installed."""
    pytest.importorskip("botocore")
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.validate import validate_parameters

    model = ServiceModel(Loader().load_service_model("batch", "service-2"))
    validate_parameters(written["jobDefinition"], model.operation_model("RegisterJobDefinition").input_shape)
    for job in written["jobs"]:
        validate_parameters({"jobQueue": "any", **job}, model.operation_model("SubmitJob").input_shape)


class Operator:
    """An operator of Airflow that keeps its options and what follows it."""

    def __init__(self, **options: Any) -> None:
        self.options, self.after = options, []

    def __rshift__(self, other: Operator) -> None:
        self.after.append(other.options["task_id"])


class Dag:
    """A DAG of Airflow, as a block."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def __enter__(self) -> Dag:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing."""


@pytest.mark.parametrize("image", ["", "registry/emb:1"])
def test_airflow_gets_a_dag_of_shells_or_of_pods(image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def add(name: str, **values: Any) -> None:
        module = types.ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)

    models = types.SimpleNamespace(**dict.fromkeys(("V1Volume", "V1VolumeMount", "V1ResourceRequirements"), dict))
    models.V1PersistentVolumeClaimVolumeSource = dict
    add("airflow.sdk", DAG=Dag)
    add("airflow.providers.standard.operators.bash", BashOperator=Operator)
    add("airflow.providers.cncf.kubernetes.operators.pod", KubernetesPodOperator=Operator)
    add("kubernetes.client", models=models)
    plan = make_plan(image=image, volume="results" if image else "")
    text = FORMATS["airflow"](plan)
    ast.parse(text)
    read: dict[str, Any] = {}
    exec(compile(text, "dag.py", "exec"), read)
    tasks: dict[str, Operator] = read["tasks"]
    assert list(tasks) == [each.name for each in plan]
    assert all(re.fullmatch(r"[\w.-]{1,250}", name) for name in tasks)
    for each in plan:
        assert {name for name, task in tasks.items() if each.name in task.after} == set(each.needs)
        options = tasks[each.name].options
        if image:
            assert options["cmds"] + options["arguments"] == shlex.split(each.command) and options["volumes"]
        else:
            assert options["bash_command"] == each.command


def test_names_stay_different_where_a_batch_system_takes_fewer_characters() -> None:
    long = "a" * 70
    renamed = rename([f"{long}.x", f"{long}.y", "b_c", "b.c"], refused="[^a-z-]", longest=60)
    assert len(set(renamed.values())) == 4 and max(map(len, renamed.values())) == 60
