"""``kedro run`` with the project's options."""

from __future__ import annotations

import os
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from emb_pipeline.cli.command import ProjectCommand
from emb_pipeline.hooks.command import ACCEPT_STALE, OWN_RUNNERS, REMAKE_STALE, format_kedro_command, read_run_options
from emb_pipeline.hooks.display.interrupt import INTERRUPTED

FORCE = "force"
NAME = "use_case"
DEFAULT_USE_CASE = "base"
_WORKERS = 2


class Run(ProjectCommand):
    """``kedro run`` that takes a use case by its name, a pace, and ``--force`` as a parameter of the stage `deploy`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the pipeline."""
        name, pace = ctx.params.pop(NAME), ctx.params.pop("pace")
        if ctx.params.pop(FORCE):
            given = ctx.params["params"] or {}
            ctx.params["params"] = {**given, "deploy": {**given.get("deploy", {}), "force": True}}
        if name is not None:
            _name_use_case(ctx, name)
        if pace is not None:
            _set_pace(ctx, pace)
        if name is not None or pace is not None:
            click.echo(f"This is: {format_kedro_command(read_run_options(ctx.params))}\n")
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenProcessPool:  # the hook of the display has said what was killed, and how to go on
            ctx.exit(1)


def _name_use_case(ctx: click.Context, name: str) -> None:
    given = ctx.params.get("env")
    if given not in (None, name):
        raise click.UsageError(f"two use cases are named, {name} and --env {given}", ctx)
    ctx.params["env"] = None if name == DEFAULT_USE_CASE else name


def _set_pace(ctx: click.Context, pace: str) -> None:
    """Run a part of the grid, or all of it, and make only what is not there yet, or not up to date."""
    ctx.params["params"] = {**(ctx.params["params"] or {}), "pace": pace}
    ctx.params["only_missing_outputs"] = True
    os.environ[REMAKE_STALE] = "1"
    if ctx.params.get("runner") is None:
        ctx.params["runner"] = f"{OWN_RUNNERS}.ProcessRunner"
        ctx.params["runner_params"] = {"max_workers": _WORKERS}


def remake_stale(_context: click.Context, _option: click.Parameter, is_given: bool) -> None:
    """Hand the wish to the hooks of the run, which get no options of the command line but Kedro's."""
    if is_given:
        os.environ[REMAKE_STALE] = "1"


def remember_reason(_context: click.Context, _option: click.Parameter, reason: str | None) -> None:
    """Hand the reason to the hooks of the run, which get no options of the command line but Kedro's."""
    if reason is None:
        return
    if not reason.strip():
        raise click.BadParameter("say why stale results can be used as they are: --accept-stale 'only a log line changed'")
    os.environ[ACCEPT_STALE] = reason


ACCEPT_STALE_OPTION = click.Option(
    ["--accept-stale"],
    metavar="REASON",
    help="Use results that other code, parameters or files made as they are; the reason is recorded.",
    callback=remember_reason,
    expose_value=False,
)
FORCE_OPTION = click.Option(
    [f"--{FORCE}"],
    is_flag=True,
    help="Deploy what is not shown to be better than a control, the largest class or chance, too (deploy.force).",
)
REMAKE_OPTION = click.Option(
    ["--remake-stale"],
    is_flag=True,
    help="With --only-missing-outputs: make results again that other code, parameters or files made.",
    callback=remake_stale,
    expose_value=False,
)
NAME_ARGUMENT = click.Argument([NAME], required=False, metavar="[USE_CASE]")
PACE_OPTIONS = (
    click.Option(["--fast", "pace"], flag_value="fast", help="A first answer: what fast: names, on a sample."),
    click.Option(["--thorough", "pace"], flag_value="thorough", help="All of the grid; what is there is not made twice."),
)

command = Run(
    "run",
    params=[NAME_ARGUMENT, *kedro_run.params, *PACE_OPTIONS, ACCEPT_STALE_OPTION, REMAKE_OPTION, FORCE_OPTION],
    callback=kedro_run.callback,
    help=kedro_run.help,
)
