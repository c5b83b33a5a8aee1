"""The group of the project's commands: every module of `emb_pipeline.cli.commands` is one."""

from __future__ import annotations

import importlib
import pkgutil

import click

from emb_pipeline.cli import commands

DEFAULT = "run"


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
        is_run = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        return super().parse_args(ctx, [DEFAULT, *args] if is_run else args)
