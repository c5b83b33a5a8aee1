"""The project's ``kedro run``: as Kedro's, but an error that its user can mend is one line, not a traceback."""

from __future__ import annotations

import logging
import os
import re
from typing import Any

import click
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.validation.exceptions import ParameterValidationError

from emb_pipeline.errors import DataError
from emb_pipeline.hooks.freshness import ACCEPT_STALE
from emb_pipeline.redaction import redact

TRACEBACKS = logging.getLogger("emb_pipeline.tracebacks")
"""Goes to the log file alone (conf/logging.yml)."""
_USERS_TO_MEND = (DataError, ParameterValidationError, MissingConfigException)
_NOISE = re.compile(r"\n\s*For further information visit \S+| \[type=[a-z_]+, input_value=.*?, input_type=\w+\]", re.DOTALL)


class _Run(click.Command):
    """``kedro run`` whose errors in data and configuration end in one message and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.params.pop(FORCE):
            given = ctx.params["params"] or {}
            ctx.params["params"] = {**given, "deploy": {**given.get("deploy", {}), "force": True}}
        try:
            return super().invoke(ctx)
        except _USERS_TO_MEND as error:
            TRACEBACKS.error("kedro run", exc_info=error)
            raise click.ClickException(redact(_NOISE.sub("", str(error)))) from error


def _remember_reason(_context: click.Context, _option: click.Parameter, reason: str | None) -> None:
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
    callback=_remember_reason,
    expose_value=False,
)

FORCE = "force"
FORCE_OPTION = click.Option(
    [f"--{FORCE}"],
    is_flag=True,
    help="Deploy what is not shown to be better than a control, the largest class or chance, too (deploy.force).",
)


@click.group(name="emb_pipeline")
def cli() -> None:
    """Command line of the project."""


run = _Run(
    "run", params=[*kedro_run.params, ACCEPT_STALE_OPTION, FORCE_OPTION], callback=kedro_run.callback, help=kedro_run.help
)
cli.add_command(run)
