"""The error of a use case that cannot be run."""

from __future__ import annotations

import click

from emb_pipeline.errors import EmbPipelineError


class ConfigurationError(EmbPipelineError, click.ClickException):
    """A use case that cannot be run as it is written.

    It is an exception of click's, too: the config loader raises it in Kedro's own commands (``registry list``, ``viz``), and
    these print in one line only what is one.
    """

    def __init__(self, place: str, reason: str, remedy: str = "", message: str = "") -> None:
        click.ClickException.__init__(self, message or str(EmbPipelineError(place, reason, remedy)))
        EmbPipelineError.__init__(self, place, reason, remedy)

    @classmethod
    def from_error(cls, error: ValueError) -> ConfigurationError:
        """Make the error of a use case of the library's error, with its message."""
        if not isinstance(error, EmbPipelineError):
            return cls("parameters", str(error))
        return cls(error.place, error.reason, error.remedy, str(error))

    def __str__(self) -> str:
        return self.message
