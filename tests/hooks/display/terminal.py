"""A command on a terminal of its own, as a person has one."""

from __future__ import annotations

import atexit
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.forked import call_on_terminal, make_process

_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")
CTRL_C = b"\x03"


class Terminal:
    """A pseudo-terminal with ``python`` in its foreground."""

    def __init__(self, *arguments: str, size: tuple[int, int] = (100, 30), env: Mapping[str, str] | None = None) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in ("CI", "COLUMNS", "LINES")}
        environment |= {"TERM": "xterm-256color", "PYTHONFAULTHANDLER": "1", **(env or {})}
        self._file, shown = pty.openpty()
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._process = make_process(call_on_terminal, arguments, environment, os.getcwd(), os.ttyname(shown))
        self._process.start()
        atexit.register(self._process.kill)  # a test that failed leaves nothing to wait for
        self.pid = int(self._process.pid or 0)
        self._shown = shown  # as long as somebody has it open, reading what was shown does not fail
        self._read = b""

    @property
    def exit_code(self) -> int | None:
        """The code that the command ended with, as `subprocess` gives it; None while it runs."""
        return self._process.exitcode

    def wait(self, until: Callable[[], bool] = lambda: False, seconds: float = 600.0) -> None:
        """Read what is shown until something is the case, or the command has ended."""
        deadline = time.monotonic() + seconds
        while self.exit_code is None and not until():
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGABRT)  # it writes where it hangs
                deadline = time.monotonic() + 600
            self._read_more()
        while self.exit_code is not None and self._read_more():
            pass

    def press(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._file, keys)

    @property
    def text(self) -> str:
        """All that was shown, without colors and movements of the cursor."""
        return _CONTROL.sub(b"", self._read).decode(errors="replace")

    @property
    def raw(self) -> str:
        """All that was shown, as the terminal got it."""
        return self._read.decode(errors="replace")

    def _read_more(self) -> bool:
        """Read what was shown since; tell whether there was something."""
        if not select.select([self._file], [], [], 0.1)[0]:
            return False
        self._read += os.read(self._file, 65536)
        return True


def find_log(project: Path) -> Path:
    """Find the log of the last run of the use case ``tiny``."""
    return max((project / "logs" / "tiny").glob("*.log"))
