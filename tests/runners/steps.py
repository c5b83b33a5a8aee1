"""Steps of small pipelines, for workers in other processes."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import psutil

from emb_pipeline.errors import DataError
from emb_pipeline.experiment.model import EmbeddingSpec
from emb_pipeline.pipelines.failures import contain_failures

LOGGER = logging.getLogger("emb_pipeline.steps")


class StubbornError(Exception):
    """An error that cannot be made again from what is pickled."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def name_process(start: str) -> str:
    LOGGER.info("a step says %s", start)
    return f"{start} in {os.getpid()}"


def join(first: str, second: str) -> str:
    return f"{first}, {second}"


def refuse(start: str) -> str:
    raise DataError("labels.csv, row 17", f"the label is {start!r}", "fill it in")


def raise_stubbornly(start: str) -> str:
    raise StubbornError(start, "more")


def end_process_once(folder: str) -> str:
    """End the process with SIGKILL, as the operating system does for want of memory; the second time, work."""
    mark = Path(folder) / "was_here"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "made"


def end_process(start: str) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return start


@contain_failures(1)
def train_too_much(cell: EmbeddingSpec, text: str) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return text


def list_listening(start: str) -> list[str]:
    """List the addresses that the processes above this one, and all that they have started, listen on."""
    every = {
        each
        for parent in psutil.Process().parents()
        if parent.name().startswith(("python", "pytest"))
        for each in _list_family(parent)
    }
    return sorted({c.laddr.ip for each in every for c in each.net_connections("inet") if c.status == psutil.CONN_LISTEN})


def _list_family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]
