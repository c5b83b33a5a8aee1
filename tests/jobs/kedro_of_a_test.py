"""A ``kedro`` for jobs that a test starts: each run is a process of its own, forked from one that has imported the project.

``make`` starts a client, which is a small script. It asks the test, which forks the run and answers with its exit code.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.forked import Running, start_in_fork

CLIENT = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    with server.makefile("rw") as file:
        print(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]), file=file, flush=True)
        answer = json.loads(file.readline())
print(answer[1], file=sys.stderr)
sys.exit(answer[0])
"""


class Kedro:
    """Runs that jobs have started.

    Parameters
    ----------
    folder : Path
        Where the client is.
    make_machine : callable, optional
        Makes a working folder for each run, from its number; the one of the client by default.

    Attributes
    ----------
    client : Path
        The command for jobs.
    running : dict of str to Running
        Processes that go on, by their arguments.
    commands : list of str
        Arguments of all runs, as they began.
    most_at_once : int
        The largest number of processes that went on together.
    """

    def __init__(self, folder: Path, make_machine: Callable[[int], Path] | None = None) -> None:
        self._make_machine = make_machine
        self.client, self._address = folder / "kedro", str(folder / "socket")
        self.running: dict[str, Running] = {}
        self.commands: list[str] = []
        self.most_at_once = 0
        self._folder_lock = threading.Lock()

    @contextmanager
    def serve(self, python: str) -> Iterator[Kedro]:
        """Answer clients until the block ends."""
        self.client.write_text(CLIENT.format(python=python, address=self._address))
        self.client.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self._address)
            server.listen()
            threading.Thread(target=self._accept, args=[server], daemon=True).start()
            yield self

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                asked, _ = server.accept()
            except OSError:  # closed at the end of the block
                return
            threading.Thread(target=self._answer, args=[asked], daemon=True).start()

    def _answer(self, asked: socket.socket) -> None:
        with asked, asked.makefile("rw") as file:
            arguments, environment, folder = json.loads(file.readline())
            print(json.dumps(self._run(arguments, environment, folder)), file=file, flush=True)

    def _run(self, arguments: Sequence[str], environment: dict[str, str], folder: str) -> tuple[int, str]:
        name = " ".join(arguments)
        with self._folder_lock:  # a process begins in the working folder of the test
            before = os.getcwd()
            os.chdir(folder if self._make_machine is None else self._make_machine(len(self.commands)))
            try:
                started = start_in_fork(["-m", "kedro", *arguments], environment)
                running = started.__enter__()
            finally:
                os.chdir(before)
            self.running[name] = running
            self.commands.append(name)
            self.most_at_once = max(self.most_at_once, len(self.running))
        try:
            running.process.join()
            said = running.stdout.read_text() + running.stderr.read_text()
            return running.process.exitcode or 0, said if running.process.exitcode else ""
        finally:
            started.__exit__(None, None, None)
            del self.running[name]
