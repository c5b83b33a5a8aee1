"""The project's commands: found by file, in ``kedro`` and in ``emb-pipeline``, with one line for what a user can mend."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from kedro.framework.cli.cli import KedroCLI

from emb_pipeline.cli import cli, commands
from emb_pipeline.cli.command import ProjectCommand
from emb_pipeline.cli.commands.run import Run
from tests.forked import run_in_fork

COUNT_ROWS = '''
import click

from emb_pipeline.cli.command import ProjectCommand
from emb_pipeline.errors import DataError


@click.command("count-rows", cls=ProjectCommand)
@click.argument("file")
def command(file: str) -> None:
    """Count the rows of a file."""
    raise DataError(file, "it has no rows", "give a file that has some")
'''


@pytest.fixture
def new_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One more file in the folder of commands."""
    (tmp_path / "count_rows.py").write_text(COUNT_ROWS)
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    yield "count-rows"
    sys.modules.pop(f"{commands.__name__}.count_rows", None)


def test_every_command_has_the_name_of_its_file_and_ends_cleanly() -> None:
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    assert "run" in found
    for name, command in found.items():
        assert isinstance(command, ProjectCommand) and command.name == name and command.help


def test_a_new_file_is_a_command_and_its_error_is_one_line(new_command: str) -> None:
    done = CliRunner().invoke(cli, [new_command, "shop.csv"])
    assert (done.exit_code, done.output) == (1, "Error: shop.csv: it has no rows; give a file that has some\n")
    assert "Count the rows of a file." in CliRunner().invoke(cli, ["--help"]).output


def test_kedro_finds_the_same_commands_and_the_projects_run(new_command: str, project: Path) -> None:
    kedro = KedroCLI(project)
    context = click.Context(kedro)
    assert new_command in kedro.list_commands(context)
    assert isinstance(kedro.get_command(context, "run"), Run)


def test_emb_pipeline_without_a_command_is_a_run(project: Path) -> None:
    done = run_in_fork(["-m", "emb_pipeline", "--env", "tinny"], os.environ)
    assert done.returncode == 1
    assert "there is no use case 'tinny' in conf/; did you mean 'tiny'?" in done.stderr and "Traceback" not in done.stderr
