"""The run as jobs: every step in exactly one, each after those that it needs, each with a command that selects it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline, node

from emb_pipeline.cli import cli
from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.jobs.graph import build_jobs

STAGES = ["ingest", "train", "evaluate", "report"]


def take(*_inputs: Any) -> None:
    """A step."""


def step(name: str, inputs: list[str], output: str, stage: str, namespace: str | None = None) -> Any:
    return node(take, inputs or None, output, name=name, namespace=namespace, tags=[stage])


@pytest.fixture
def listed(project: Path, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    bootstrap_project(project)
    done = CliRunner().invoke(cli, ["jobs", "--env", request.param, "--format", "json", "--to", "jobs.json"])
    assert done.exit_code == 0, done.output
    jobs: list[dict[str, Any]] = json.loads(Path("jobs.json").read_text())["jobs"]
    return jobs


@pytest.mark.slow
@pytest.mark.parametrize("listed", ["base", "medical", "tiny"], indirect=True)
def test_every_step_is_in_one_job_whose_command_selects_its_steps_and_no_others(listed: list[dict[str, Any]]) -> None:
    whole = pipelines["__default__"]
    in_jobs = [name for job in listed for name in job["nodes"]]
    assert sorted(in_jobs) == sorted(node.name for node in whole.nodes)
    for job in listed:
        words = shlex.split(job["command"])
        given = kedro_run.make_context("run", words[2:]).params
        assert words[:2] == ["kedro", "run"] and given["only_missing_outputs"]
        selected = whole.filter(
            tags=given["tags"] or None,
            node_names=given["node_names"] or None,
            node_namespaces=given["namespaces"] or None,
        )
        assert {node.name for node in selected.nodes} == set(job["nodes"])


@pytest.mark.slow
@pytest.mark.parametrize("listed", ["base", "medical", "tiny"], indirect=True)
def test_jobs_follow_those_that_make_what_they_take(listed: list[dict[str, Any]]) -> None:
    whole = pipelines["__default__"]
    of_node = {name: job["name"] for job in listed for name in job["nodes"]}
    seen: set[str] = set()
    for job in listed:
        producers = {of_node[each.name] for name in job["nodes"] for each in whole.node_dependencies[find(whole, name)]}
        assert set(job["needs"]) == producers - {job["name"]}
        assert set(job["needs"]) <= seen
        seen.add(job["name"])
    assert listed[0]["name"] == "ingest" and listed[-1]["name"] == "report"


def find(whole: Pipeline, name: str) -> Any:
    return next(each for each in whole.nodes if each.name == name)


@pytest.mark.slow
@pytest.mark.parametrize("listed", ["base"], indirect=True)
def test_a_derived_embedding_needs_the_one_it_is_made_from(listed: list[dict[str, Any]]) -> None:
    jobs = {job["name"]: job for job in listed}
    assert jobs["domain.derived.word2vec_300_pca_50"]["needs"] == ["ingest", "domain.word2vec_300"]
    assert not any(job["gpus"] for job in listed), "all compute on the processor, unless an option says otherwise"
    memory = {name: job["memory_bytes"] for name, job in jobs.items()}
    assert all(each["low"] < each["expected"] < each["high"] for each in memory.values())
    assert memory["domain.word2vec_50"]["expected"] < memory["domain.word2vec_300"]["expected"]


@pytest.mark.slow
def test_a_job_asks_for_a_gpu_where_its_embedding_may_use_one(project: Path) -> None:
    (project / "conf/local/parameters_gpu.yml").write_text("methods: {bert: {device: auto}}\n")
    bootstrap_project(project)
    done = CliRunner().invoke(cli, ["jobs", "--format", "json", "--to", "jobs.json"])
    assert done.exit_code == 0, done.output
    gpus = {job["name"]: job["gpus"] for job in json.loads(Path("jobs.json").read_text())["jobs"]}
    assert gpus["domain.bert_128"] == 1 and gpus["domain.derived.bert_tokens"] == 1, "the second starts from the first"
    assert gpus["domain.word2vec_300"] == 0 and gpus["measure"] == 0


@pytest.mark.slow
def test_the_table_names_every_job_and_its_command(project: Path) -> None:
    bootstrap_project(project)
    done = CliRunner().invoke(cli, ["jobs", "--env", "tiny"])
    assert done.exit_code == 0, done.output
    assert "ingest: kedro run --env tiny --namespaces ingest --only-missing-outputs\n" in done.output
    assert "Memory and time are estimates" in done.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--format", "argo"], "--format argo runs containers: name their --image"),
        (["--variable", "MLFLOW_TRACKING_URI"], "write NAME=VALUE"),
    ],
)
def test_an_option_that_is_missing_or_wrong_is_named(project: Path, given: list[str], said: str) -> None:
    done = CliRunner().invoke(cli, ["jobs", "--env", "tiny", *given])
    assert done.exit_code == 2 and said in done.output


def test_steps_of_no_embedding_go_with_their_stage() -> None:
    steps = Pipeline(
        [
            step("read", [], "texts", "ingest"),
            step("train", ["texts"], "a.vectors", "train", "a"),
            step("evaluate", ["a.vectors"], "a.scores", "evaluate", "a.task"),
            step("gather", ["a.scores"], "scores", "evaluate"),
        ]
    )
    jobs = build_jobs(steps, ["a"], STAGES)
    assert [(job.name, job.needs) for job in jobs] == [("ingest", ()), ("a", ("ingest",)), ("evaluate", ("a",))]
    assert [dict(job.selection) for job in jobs] == [
        {"tags": ["ingest"]},
        {"namespaces": ["a"]},
        {"node_names": ["gather"]},  # the tag is on a step of the embedding, too
    ]


def test_jobs_that_need_each_other_are_refused() -> None:
    steps = Pipeline(
        [
            step("train_a", [], "a.vectors", "train", "a"),
            step("train_b", ["a.vectors"], "b.vectors", "train", "b"),
            step("evaluate_a", ["b.vectors"], "a.scores", "evaluate", "a"),
        ]
    )
    with pytest.raises(EmbPipelineError, match="each needs the one before it"):
        build_jobs(steps, ["a", "b"], STAGES)
