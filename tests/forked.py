"""Python in a process of its own that need not import anything: it is forked from one that has imported the project.

The server of forks has imported the code of this repository and what its runs use, and has run nothing. A process that it
forks starts from there: it is like a new one, without the seconds that imports take.
"""

from __future__ import annotations

import atexit
import faulthandler
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.preloaded"])


@dataclass(frozen=True)
class Running:
    """A process that was forked, and the files that it prints into."""

    process: multiprocessing.process.BaseProcess
    stdout: Path
    stderr: Path


def run_in_fork(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run ``python`` with these arguments in the working directory, and take what it prints: ``-m kedro …`` or ``-c …``."""
    with start_in_fork(arguments, environment) as running:
        running.process.join()
        stdout, stderr = (file.read_text(encoding="utf-8", errors="replace") for file in (running.stdout, running.stderr))
        return subprocess.CompletedProcess(["python", *arguments], running.process.exitcode or 0, stdout, stderr)


@contextmanager
def start_in_fork(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[Running]:
    """Start it, and end it with the block."""
    with tempfile.TemporaryDirectory(prefix="forked_") as folder:
        printed = [Path(folder) / name for name in ("stdout", "stderr")]
        for file in printed:
            file.touch()
        process = make_process(_call, arguments, dict(environment), os.getcwd(), *map(str, printed))
        process.start()
        try:
            yield Running(process, *printed)
        finally:
            process.kill()
            process.join()


def make_process(function: Callable[..., object], *arguments: object) -> multiprocessing.process.BaseProcess:
    """Make a process that will be forked; the server is started in the folder that its modules are found from."""
    here = os.getcwd()
    os.chdir(ROOT)
    try:
        forkserver.ensure_running()
    finally:
        os.chdir(here)
    return PROCESSES.Process(target=function, args=arguments)


def call_on_terminal(arguments: Sequence[str], environment: Mapping[str, str], folder: str, terminal: str) -> None:
    """Do what ``python`` would do with these arguments in the foreground of a terminal."""
    os.setsid()
    descriptor = os.open(terminal, os.O_RDWR)  # the first one that a session opens becomes its own
    for number in range(3):
        os.dup2(descriptor, number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.enable()
    _call(arguments, environment, folder)


def _forget_package() -> None:
    """Forget the code of this repository: the project has a copy that may differ."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "emb_pipeline"]:
        del sys.modules[name]


def _call(arguments: Sequence[str], environment: Mapping[str, str], folder: str, *printed: str) -> None:
    """Do what ``python`` would do with these arguments, and end this process as Python ends one."""
    for number, name in enumerate(printed, start=1):
        descriptor = os.open(name, os.O_WRONLY)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    multiprocessing.set_start_method(None, force=True)  # what it starts is not forked from the server
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:0] = ["", *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    if (Path(folder) / "src" / "emb_pipeline").exists():
        _forget_package()
    option, what, *rest = arguments
    sys.argv = [what if option == "-m" else option, *rest]
    try:
        if option == "-m":
            import rich
            from kedro.framework.project import LOGGING

            rich.reconfigure()  # a new environment may be of another width
            LOGGING.__init__()  # type: ignore[misc]  # what it read was of another folder
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit:
        raise
    except BaseException:
        traceback.print_exc()
        raise SystemExit(1) from None
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
