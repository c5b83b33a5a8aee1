"""A command on a terminal of its own, as a person has one."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")
CTRL_C = b"\x03"


class Terminal:
    """A pseudo-terminal with ``python`` in its foreground."""

    def __init__(self, *arguments: str, size: tuple[int, int] = (100, 30), env: Mapping[str, str] | None = None) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in ("CI", "COLUMNS", "LINES")}
        environment |= {"TERM": "xterm-256color", "PYTHONFAULTHANDLER": "1", **(env or {})}
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.execvpe(sys.executable, [sys.executable, *arguments], environment)
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._read = b""
        self.exit_code: int | None = None

    def wait(self, until: Callable[[], bool] = lambda: False, seconds: float = 600.0) -> None:
        """Read what is shown until something is the case, or the command has ended."""
        deadline = time.monotonic() + seconds
        while self.exit_code is None and not until():
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGABRT)  # it writes where it hangs
                deadline = time.monotonic() + 600
            if select.select([self._file], [], [], 0.1)[0]:
                try:
                    self._read += os.read(self._file, 65536)
                except OSError:  # the command has closed its terminal
                    self._reap(0)
                    continue
            self._reap(os.WNOHANG)

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

    def _reap(self, how: int) -> None:
        pid, status = os.waitpid(self.pid, how)
        if pid:
            self.exit_code = os.waitstatus_to_exitcode(status)
            while select.select([self._file], [], [], 0.1)[0]:
                try:
                    found = os.read(self._file, 65536)
                except OSError:
                    break
                if not found:
                    break
                self._read += found


def find_log(project: Path) -> Path:
    """Find the log of the last run of the use case ``tiny``."""
    return max((project / "logs" / "tiny").glob("*.log"))
