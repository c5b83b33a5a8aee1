"""A real Dask cluster: scheduler and workers as processes on the loopback interface."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]


@dataclass
class Cluster:
    """A scheduler, and the workers that a test starts."""

    folder: Path
    address: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    printed: list[Path] = field(default_factory=list)

    def start(self, name: str, *arguments: str, env: dict[str, str] | None = None) -> Path:
        """Start a command of Dask; returns the file that it prints into."""
        printed = self.folder / f"{name}_{len(self.processes)}.txt"
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, **(env or {})}
        loopback = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
        command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *arguments, *loopback]
        with printed.open("wb") as file:
            self.processes.append(
                subprocess.Popen(command, stdout=file, stderr=file, env=environment, cwd=self.folder, start_new_session=True)
            )
        return printed

    def start_worker(self, *arguments: str, env: dict[str, str] | None = None) -> int:
        """Start a worker with its nanny; returns the nanny's number."""
        limits = ("--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--death-timeout", "60")
        self.printed.append(self.start("worker", self.address, *limits, *arguments, env=env))
        return self.processes[-1].pid

    def wait_for_workers(self) -> None:
        """Wait until the scheduler knows all workers."""
        for printed in self.printed:
            wait_for(lambda file=printed: "Registered to" in file.read_text())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A Dask scheduler without workers."""
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    made = Cluster(tmp_path / "cluster")
    made.folder.mkdir()
    try:
        printed = made.start("scheduler", "--port", "0")
        made.address = wait_for(lambda: find_address(printed))
        yield made
    finally:
        for process in made.processes:
            with suppress(psutil.NoSuchProcess):
                for each in psutil.Process(process.pid).children(recursive=True):
                    each.kill()
            process.send_signal(signal.SIGKILL)
            process.wait()


def find_address(printed: Path) -> str:
    found = re.search(r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)", printed.read_text())
    return found[1] if found else ""


def wait_for(ask: Callable[[], Any], seconds: float = 60) -> Any:
    """Ask until the answer is true."""
    deadline = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < deadline, "it has not come to that"
        time.sleep(0.05)
    return found
