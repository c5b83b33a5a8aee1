"""A command whose errors in data and configuration are one message, not a traceback."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from kedro.config import MissingConfigException
from kedro.io import DatasetError
from kedro.utils import find_kedro_project
from kedro.validation.exceptions import ParameterValidationError

from emb_pipeline.errors import DataError, EmbPipelineError
from emb_pipeline.redaction import redact

TRACEBACKS = logging.getLogger("emb_pipeline.tracebacks")
"""Goes to the log file alone (conf/logging.yml)."""
_USERS_TO_MEND = (EmbPipelineError, ParameterValidationError, MissingConfigException)
_NOISE = re.compile(r"\n\s*For further information visit \S+| \[type=[a-z_]+, input_value=.*?, input_type=\w+\]", re.DOTALL)


class ProjectCommand(click.Command):
    """A command that ends with one message where its user can repair the error, and with `error_code`."""

    error_code = 1

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (*_USERS_TO_MEND, DatasetError) as error:
            found = error.__cause__ if isinstance(error, DatasetError) else error  # Kedro wraps what reading a file raises
            if not isinstance(found, _USERS_TO_MEND):
                raise
            TRACEBACKS.error("%s", ctx.command_path, exc_info=error)
            shown = click.ClickException(redact(_NOISE.sub("", str(found))))
            vars(shown)["exit_code"] = self.error_code
            raise shown from error


class VerdictCommand(ProjectCommand):
    """A command whose exit codes 1 and 2 are verdicts: errors, those of its options too, have 3."""

    error_code = 3

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the options."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            vars(error)["exit_code"] = self.error_code
            raise


def find_project() -> Path:
    """Find the project that the working folder is in.

    Raises
    ------
    DataError
        It is in none.
    """
    found = find_kedro_project(Path.cwd())
    if found is None:
        raise DataError(
            str(Path.cwd()), "this folder is in no project", "change to the folder with conf/ and pyproject.toml"
        )
    return Path(found)


@contextmanager
def open_use_case(name: str | None) -> Iterator[Any]:
    """Open a use case of the project that the working folder is in, and give Kedro's context of it.

    Raises
    ------
    DataError
        The working folder is in no project.
    """
    from kedro.framework.session import KedroSession

    with KedroSession.create(find_project(), env=find_env(name)) as session:
        yield session.load_context()  # type: ignore[attr-defined]


def find_env(use_case: str | None) -> str | None:
    """Find Kedro's environment of a use case; the default one has none."""
    return None if use_case == "base" else use_case
