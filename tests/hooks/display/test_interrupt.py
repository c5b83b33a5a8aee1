"""Ctrl-C ends a run even where a library has swallowed it."""

from __future__ import annotations

import os

import pytest

from tests.forked import run_in_fork

SWALLOWED = """
import os, signal
import click
from emb_pipeline.hooks.display.interrupt import Interruptions

with click.Context(click.Command("run")).scope():
    interruptions = Interruptions(lambda: print("stopped"))
    interruptions.watch()
    interruptions.check()
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        print("swallowed")
    try:
        interruptions.check()
    except KeyboardInterrupt:
        print("interrupted again")
    interruptions.end()
    interruptions.watch()
    interruptions.check()
    print("the next run goes on")
"""
EXPECTED = ("stopped", "swallowed", "interrupted again", "the next run goes on")


@pytest.mark.slow
def test_an_interruption_that_was_swallowed_is_raised_again_and_forgotten_by_the_next_run() -> None:
    run = run_in_fork(["-c", SWALLOWED], os.environ)
    assert run.returncode == 0, run.stderr
    said = [line for line in run.stdout.splitlines() if line in EXPECTED]
    assert said == list(EXPECTED)
