"""The lock of a use case: no two runs at once that make the same results, since they would mix them."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from emb_pipeline.errors import EmbPipelineError
from emb_pipeline.hooks.claims import Claim, Claims
from emb_pipeline.redaction import redact
from emb_pipeline.storage.atomic import LockHeldError, hold_lock, name_this_process

WAIT = "EMB_PIPELINE_WAIT"
"""Environment variable: 1 lets a run wait for another one of the same use case."""
_GUARD, _CLAIMS = ".run.lock", ".runs"
_GUARD_SECONDS = 10.0
"""Longest wait for runs that begin at the same time. A run of an earlier version holds the guard until its end."""
_POLL_SECONDS, _SAY_EVERY_SECONDS = 0.5, 60.0
_log = logging.getLogger(__name__)


class UseCaseInUseError(EmbPipelineError):
    """Another run of the same use case makes or takes what this one makes."""


@contextmanager
def hold_use_case(models: Path, use_case: str, command: str, claim: Claim | None = None) -> Iterator[None]:
    """Hold what a run makes and takes of a use case: two runs at once would mix their results.

    Parameters
    ----------
    models : Path
        Folder of the use case's models, where claims are kept.
    use_case, command : str
        Their names in messages.
    claim : Claim, optional
        All of the use case by default.

    Raises
    ------
    UseCaseInUseError
        Another run holds a part of it, and ``EMB_PIPELINE_WAIT`` does not say to wait for it.
    """
    with ExitStack() as stack:
        try:
            _claim(stack, models, claim or Claim(), f"running '{redact(command)}'")
        except LockHeldError as error:
            raise UseCaseInUseError(
                f"use case '{use_case}'",
                f"it is in use by {error.holder or 'another run'}, and results of two runs would mix",
                f"start this run when that one has ended; with {WAIT}=1 in the environment it waits for it",
            ) from error
        yield


def list_used_elsewhere(models: Path) -> frozenset[str] | None:
    """List the results that runs in other processes are making; None: all of the use case."""
    found: set[str] = set()
    with _guard(models, "asking who runs"):
        for lock, claim in Claims(models / _CLAIMS).list_held():
            if not lock.name.startswith(f"{name_this_process()}-"):
                if claim.makes is None:
                    return None
                found |= claim.makes
    return frozenset(found)


def _claim(stack: ExitStack, models: Path, claim: Claim, what: str) -> None:
    """Enter the claim, and leave it with the stack; wait for it where the environment says so."""
    waits, due = os.environ.get(WAIT) == "1", time.monotonic()
    while True:
        try:
            with _guard(models, what, waits=waits):
                stack.enter_context(Claims(models / _CLAIMS).hold(claim, what))
            return
        except LockHeldError as error:
            if not waits:
                raise
            if time.monotonic() >= due:
                _log.warning("waiting for %s", error.holder or "another run")
                due = time.monotonic() + _SAY_EVERY_SECONDS
        time.sleep(_POLL_SECONDS)


@contextmanager
def _guard(models: Path, what: str, *, waits: bool = False) -> Iterator[None]:
    with hold_lock(models / _GUARD, what=what, wait=None if waits else _GUARD_SECONDS):
        yield
