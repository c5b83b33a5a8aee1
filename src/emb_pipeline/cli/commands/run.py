"""``kedro run`` with the project's options."""

from __future__ import annotations

import os
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.cli.project import run as kedro_run

from emb_pipeline.cli.command import ProjectCommand
from emb_pipeline.errors import DataError
from emb_pipeline.hooks.command import ACCEPT_STALE, OWN_RUNNERS, REMAKE_STALE, format_kedro_command, read_run_options
from emb_pipeline.hooks.display.interrupt import INTERRUPTED

if TYPE_CHECKING:
    from emb_pipeline.choosing.budget import Budget

FORCE = "force"
BUDGET = "budget"
NAME = "use_case"
DEFAULT_USE_CASE = "base"
_WORKERS = 2


class Run(ProjectCommand):
    """``kedro run`` that takes a use case by its name, a pace, and ``--force`` as a parameter of the stage `deploy`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the pipeline."""
        name, pace, budget = ctx.params.pop(NAME), ctx.params.pop("pace"), ctx.params.get(BUDGET)
        if ctx.params.pop(FORCE):
            given = ctx.params["params"] or {}
            ctx.params["params"] = {**given, "deploy": {**given.get("deploy", {}), "force": True}}
        if name is not None:
            _name_use_case(ctx, name)
        if budget is not None:
            _require_whole_run(ctx, pace)
        if budget is not None or pace is not None:
            _set_pace(ctx, pace or BUDGET)
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


def _require_whole_run(ctx: click.Context, pace: str | None) -> None:
    """Refuse options that a budget has no meaning with."""
    if pace is not None:
        raise click.UsageError(f"--{BUDGET} and --{pace} are two paces: name one", ctx)
    for option in ("pipeline", "pipelines", "tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs"):
        if ctx.params.get(option):
            raise click.UsageError(f"--{BUDGET} is for a whole use case: leave --{option.replace('_', '-')} out", ctx)


def _set_pace(ctx: click.Context, pace: str) -> None:
    """Run a part of the grid, or all of it, and make only what is not there yet, or not up to date."""
    ctx.params["params"] = {**(ctx.params["params"] or {}), "pace": pace}
    ctx.params["only_missing_outputs"] = True
    os.environ[REMAKE_STALE] = "1"
    if ctx.params.get("runner") is None:
        ctx.params["runner"] = f"{OWN_RUNNERS}.ProcessRunner"
        ctx.params["runner_params"] = {"max_workers": _WORKERS}


def run(budget: Budget | None, **options: Any) -> Any:
    """Run Kedro; under a budget after rounds that choose what is run."""
    assert kedro_run.callback is not None
    if budget is None:
        return kedro_run.callback(**options)
    from emb_pipeline.choosing.run import run_under_budget

    return run_under_budget(budget, options, kedro_run.callback, click.echo)


def _read_budget(_context: click.Context, _option: click.Parameter, written: str | None) -> Budget | None:
    if written is None:
        return None
    from emb_pipeline.choosing.budget import parse_budget

    try:
        return parse_budget(written)
    except DataError as error:
        raise click.BadParameter(f"{error.reason}; {error.remedy}") from error


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

BUDGET_OPTION = click.Option(
    [f"--{BUDGET}"],
    metavar="TIME|AMOUNT",
    help="Choose within 10min, 2h, 2usd or 10min,2usd: rounds on growing parts of the test units, each of fewer embeddings.",
    callback=_read_budget,
)

command = Run(
    "run",
    params=[
        NAME_ARGUMENT,
        *kedro_run.params,
        *PACE_OPTIONS,
        BUDGET_OPTION,
        ACCEPT_STALE_OPTION,
        REMAKE_OPTION,
        FORCE_OPTION,
    ],
    callback=run,
    help=kedro_run.help,
)
