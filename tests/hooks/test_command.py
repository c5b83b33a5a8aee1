"""The command that a run prints for repeating it."""

from __future__ import annotations

import os
import shlex

import click
import pytest
from click.testing import CliRunner

from emb_pipeline.cli.commands.run import command
from emb_pipeline.hooks.command import (
    ACCEPT_STALE,
    REMAKE_STALE,
    continue_command,
    find_worker_count,
    format_kedro_command,
    read_run_options,
)
from emb_pipeline.runners import ProcessRunner


def test_the_whole_default_run_needs_no_option() -> None:
    assert format_kedro_command({"pipeline_names": ["__default__"], "env": None, "tags": ()}) == "kedro run"


def test_every_choice_stands_in_the_command() -> None:
    command = format_kedro_command(
        {
            "env": "medical",
            "pipeline_names": ["train", "evaluate"],
            "tags": ("diagnosis",),
            "node_names": ("a", "b"),
            "namespaces": ("domain.glove_100",),
            "runtime_params": {"methods": {"word2vec": {"window": 9}}, "seed": 1},
        }
    )
    assert command == (
        "kedro run --env medical --pipelines train,evaluate --tags diagnosis --nodes a,b "
        "--namespaces domain.glove_100 --params methods.word2vec.window=9,seed=1"
    )


def call_run(*arguments: str) -> str:
    """The command that a run of these arguments says that it stands for; it stops there."""
    said: list[str] = []

    @click.command("run", params=command.params)
    @click.pass_context
    def run(context: click.Context, **options: object) -> None:
        said.append(format_kedro_command(read_run_options(options)))

    done = CliRunner().invoke(run, list(arguments))
    assert done.exit_code == 0, done.output
    return said[0]


@pytest.mark.parametrize(
    "arguments",
    [
        "--env shop --pipelines train --tags topic --params methods.word2vec.window=9,seed=1 --only-missing-outputs "
        "--remake-stale --runner ParallelRunner --runner-params max_workers=7",
        "--load-versions leaderboard:2026-01-01T00.00.00.000Z --runner my.runners.Dask --async",
        "--nodes a,b --from-nodes c --to-outputs leaderboard --accept-stale 'only a log line changed'",
    ],
)
def test_a_command_line_is_repeated_as_it_was_given(arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ACCEPT_STALE, raising=False)
    monkeypatch.delenv(REMAKE_STALE, raising=False)
    try:
        assert call_run(*shlex.split(arguments)) == f"kedro run {arguments}"
    finally:
        for name in (ACCEPT_STALE, REMAKE_STALE):
            os.environ.pop(name, None)


def test_to_continue_a_run_is_to_repeat_it_for_what_is_missing() -> None:
    params = {
        "env": "shop",
        "tags": ("topic",),
        "only_missing_outputs": False,
        "runner": "<kedro.ThreadRunner object at 0x1>",
    }
    assert continue_command(params) == "kedro run --env shop --tags topic --only-missing-outputs --runner ThreadRunner"


def test_a_runner_of_the_project_is_named_as_a_command_takes_it_and_says_how_many_nodes_run_at_once() -> None:
    params = {"runner": str(ProcessRunner(max_workers=3)), "only_missing_outputs": False}
    assert continue_command(params) == "kedro run --only-missing-outputs --runner emb_pipeline.runners.ProcessRunner"
    assert find_worker_count(params) == 3
