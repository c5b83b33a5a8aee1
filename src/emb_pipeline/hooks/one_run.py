"""The lock of a use case: one run at a time, since two would mix their results."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.redaction import redact
from emb_pipeline.storage.atomic import LockHeldError, hold_lock

WAIT = "EMB_PIPELINE_WAIT"
"""Environment variable: 1 lets a run wait for another one of the same use case."""


class UseCaseInUseError(EmbPipelineError):
    """Another run of the same use case is going on."""


@contextmanager
def hold_use_case(models: Path, use_case: str, command: str) -> Iterator[None]:
    """Hold the lock of a use case, in the folder of its models: two runs at once would mix their results.

    Raises
    ------
    UseCaseInUseError
        Another run holds it, and ``EMB_PIPELINE_WAIT`` does not say to wait for it.
    """
    path = models / ".run.lock"
    with ExitStack() as stack:
        try:
            stack.enter_context(
                hold_lock(path, what=f"running '{redact(command)}'", wait=None if os.environ.get(WAIT) == "1" else 0.0)
            )
        except LockHeldError as error:
            raise UseCaseInUseError(
                f"use case '{use_case}'",
                f"it is in use by {error.holder or 'another run'}, and results of two runs would mix",
                f"start this run when that one has ended; with {WAIT}=1 in the environment it waits for it",
            ) from error
        yield
