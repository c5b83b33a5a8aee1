"""Lines that the processes of a run append to its files: events, steps, the log.

A process on another machine does not see these files. It sends its lines to the process that started the run.
"""

from __future__ import annotations

import os
from collections.abc import Callable

_send: Callable[[str, str], None] | None = None


def append_line(variable: str, line: str) -> None:
    """Append a line to a file of the run; without a run, do nothing.

    Processes that append at once do not mix their lines.

    Parameters
    ----------
    variable : str
        Environment variable that names the file, in the process that started the run.
    line : str
        Ends with a line break.
    """
    if _send is not None:
        _send(variable, line)
        return
    path = os.environ.get(variable)
    if path is None:
        return
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def send_lines(send: Callable[[str, str], None] | None) -> None:
    """Send the lines of this process from now on by a function of variable and line; None writes them to files again."""
    global _send
    _send = send


def is_sending() -> bool:
    """Tell whether this process sends its lines to another one."""
    return _send is not None
