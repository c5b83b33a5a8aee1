"""Run a step in a process of its own, and say what it took: wall and processor seconds, and peak memory.

The peak of a process is its largest resident set (``ru_maxrss``), which holds mapped files that the system can drop. Next
to it is the largest sum of anonymous memory, over the process and those that it started, sampled ten times a second: that is
what must fit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Measured:
    """What a step took, and the last line that it printed."""

    wall: float
    processor: float
    peak_mib: float
    anonymous_mib: float
    printed: str

    def __str__(self) -> str:
        return (
            f"{self.wall:8.1f} s  {self.processor:8.1f} processor s  peak {self.peak_mib:8,.0f} MiB"
            f"  (anonymous, all processes {self.anonymous_mib:8,.0f} MiB)  {self.printed}"
        )


def measure_step(arguments: Sequence[str]) -> Measured:
    """Run this benchmark again with other arguments, and wait for it; raises where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    peak = [0.0]
    watch = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watch.start()
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    watch.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    lines = printed.strip().splitlines() or [""]
    return Measured(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, peak[0] / 2**20, lines[-1])


def _watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(process.pid)
        while process.returncode is None and root.status() != psutil.STATUS_ZOMBIE:
            peak[0] = max(peak[0], sum(_count_anonymous(each) for each in (root, *root.children(recursive=True))))
            time.sleep(0.1)


def _count_anonymous(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess, OSError):
        memory = process.memory_info()
        return float(memory.rss - memory.shared)
    return 0.0
