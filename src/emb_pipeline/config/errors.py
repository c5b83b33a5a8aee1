"""The error of a use case that cannot be run."""

from __future__ import annotations

import click


class ConfigurationError(click.ClickException):
    """A use case that cannot be run as it is written: Kedro's commands print the message and exit with 1."""
