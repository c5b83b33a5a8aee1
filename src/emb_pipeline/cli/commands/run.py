"""``kedro run`` with the project's options."""

from __future__ import annotations

import os
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run

from emb_pipeline.cli.command import ProjectCommand
from emb_pipeline.hooks.freshness import ACCEPT_STALE

FORCE = "force"


class Run(ProjectCommand):
    """``kedro run`` that takes ``--force`` as a parameter of the stage `deploy`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the pipeline."""
        if ctx.params.pop(FORCE):
            given = ctx.params["params"] or {}
            ctx.params["params"] = {**given, "deploy": {**given.get("deploy", {}), "force": True}}
        return super().invoke(ctx)


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

command = Run(
    "run", params=[*kedro_run.params, ACCEPT_STALE_OPTION, FORCE_OPTION], callback=kedro_run.callback, help=kedro_run.help
)
