"""Ctrl-C and SIGTERM while a run goes on: its workers end, and the terminal is left as it was."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click
import psutil

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C has ended."""
_LONGEST_END = 15.0
"""Seconds that a run may take to end by itself after Ctrl-C."""


class Interruptions:
    """Handlers of the signals that stop a run.

    In a notebook, Ctrl-C stays what it is there: only a command ends its process.

    Parameters
    ----------
    say : function
        Ends the display and says how to go on.
    """

    def __init__(self, say: Callable[[], None]) -> None:
        self._say = say
        self._before: dict[signal.Signals, Any] = {}
        self._process = 0

    def watch(self) -> None:
        """Handle the signals from now on, if this is the thread that gets them."""
        if threading.current_thread() is not threading.main_thread() or self._before:
            return
        self._process = os.getpid()
        handlers: dict[signal.Signals, Any] = {signal.SIGTERM: self._terminate}
        if click.get_current_context(silent=True) is not None:
            handlers[signal.SIGINT] = self._interrupt
        for number, handler in handlers.items():
            self._before[number] = signal.signal(number, handler)

    def end(self) -> None:
        """Leave the signals to whoever handled them before."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number, handler in self._before.items():
            if signal.getsignal(number) in (self._interrupt, self._terminate):
                signal.signal(number, handler)
        self._before = {}

    def _interrupt(self, number: int, frame: Any) -> None:
        """End the workers, say how to go on, and end the command."""
        if os.getpid() != self._process:
            return
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C ends at once
        self._before.pop(signal.SIGINT, None)
        _kill_workers()
        self._say()
        if any(thread.name.startswith("ThreadPoolExecutor") for thread in threading.enumerate()):
            _exit()  # threads cannot be stopped, and Kedro would wait for all of their nodes
        watchdog = threading.Timer(_LONGEST_END, _exit)
        watchdog.daemon = True
        watchdog.start()
        raise KeyboardInterrupt

    def _terminate(self, number: int, frame: Any) -> None:
        """Clear the terminal, and end as the signal would have."""
        before = self._before.get(signal.SIGTERM, signal.SIG_DFL)
        if os.getpid() == self._process:
            self._say()
        if callable(before):
            before(number, frame)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


def _kill_workers() -> None:
    for worker in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            worker.kill()


def _exit() -> None:
    """End this process without waiting for its threads, after what is to be done at its end."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)
