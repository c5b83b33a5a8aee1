"""The page of all commands and their options, from the commands' own help."""

from __future__ import annotations

import inspect

import click

from emb_pipeline.cli import cli
from emb_pipeline.cli.group import OVERVIEW

_HEAD = """# Command line

This page is written from the commands' own help. `emb-pipeline` without a command shows what can be done.
`kedro run` takes the same options as `emb-pipeline run`; [run parts of it](../run-parts.md) has examples.
"""


def write_page() -> str:
    """Write the page: for each command what it does, how it is called, and its options."""
    context = click.Context(cli, info_name="emb-pipeline")
    parts = [_HEAD, "```text", inspect.cleandoc(OVERVIEW.replace("\b\n", "")), "```"]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        usage = " ".join(command.collect_usage_pieces(click.Context(command, info_name=name)))
        parts += ["", f"## `{name}`", "", f"```text\nemb-pipeline {name} {usage}\n```", ""]
        parts += [" ".join(inspect.cleandoc(command.help or "").split()), "", "| option | what it is |", "|---|---|"]
        records = [option.get_help_record(click.Context(command)) for option in command.params]
        parts += [f"| `{_write(record[0])}` | {_write(record[1])} |" for record in records if record is not None]
        parts.append("| `--help` | Show the command's help. |")
    return "\n".join(parts) + "\n"


def _write(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
