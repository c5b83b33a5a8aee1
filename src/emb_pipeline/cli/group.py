"""The group of the project's commands: every module of `emb_pipeline.cli.commands` is one."""

from __future__ import annotations

import importlib
import pkgutil

import click

from emb_pipeline.cli import commands

DEFAULT = "run"


OVERVIEW = """\b
A use case of your own, from a file, and a first answer:
  emb-pipeline init shop labels.csv
  emb-pipeline run shop --fast
\b
All of it, and the default use case:
  emb-pipeline run shop --thorough
  emb-pipeline run
\b
The run as jobs for a batch system:
  emb-pipeline jobs --env shop
\b
Is another embedding worse than what is deployed?
  emb-pipeline gate --env shop --baseline deployed --candidate pretrained.next
\b
What would change with it?
  emb-pipeline swap --env shop --baseline deployed --candidate pretrained.next --to swap.md
\b
Does this installation work?
  emb-pipeline doctor

Each command prints the kedro command that it stands for, where there is one."""


class ProjectGroup(click.Group):
    """Commands by the names of their modules, imported when they are asked for; ``emb-pipeline --env shop`` is a run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names of all commands; an underscore in a module's name is a hyphen."""
        return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front of options that no command precedes."""
        is_run = bool(args) and args[0].startswith("-") and args[0] not in ctx.help_option_names
        return super().parse_args(ctx, [DEFAULT, *args] if is_run else args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what most people want to do first."""
        formatter.write_paragraph()
        for line in OVERVIEW.replace("\b\n", "").splitlines():
            formatter.write(f"{line}\n")
