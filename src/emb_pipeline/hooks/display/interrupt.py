"""Ctrl-C and SIGTERM while a run goes on: its workers end, and the terminal is left as it was."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click
import psutil

INTERRUPTED, TERMINATED = 130, 143
"""Exit codes of a command that Ctrl-C or SIGTERM has ended."""
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
        self._is_interrupted = False

    def watch(self) -> None:
        """Handle the signals from now on, if this is the thread that gets them."""
        if threading.current_thread() is not threading.main_thread() or self._before:
            return
        self._process, self._is_interrupted = os.getpid(), False
        handlers: dict[signal.Signals, Any] = {signal.SIGTERM: self._terminate}
        is_ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN  # a job in the background of a shell
        if click.get_current_context(silent=True) is not None and not is_ignored:
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

    def check(self) -> None:
        """Interrupt the run again where the code that Ctrl-C met has swallowed it, as callbacks of C libraries do.

        Raises
        ------
        KeyboardInterrupt
            Ctrl-C was pressed, and the run still goes on.
        """
        if self._is_interrupted and os.getpid() == self._process:
            raise KeyboardInterrupt

    def _interrupt(self, number: int, frame: Any) -> None:
        """End the workers, say how to go on, and end the command."""
        if os.getpid() != self._process:
            return
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C ends at once
        self._before.pop(signal.SIGINT, None)
        self._is_interrupted = True
        _exit_after(_LONGEST_END, INTERRUPTED)
        _kill_workers()
        self._say()
        if any(thread.name.startswith("ThreadPoolExecutor") for thread in threading.enumerate()):
            _exit(INTERRUPTED)  # threads cannot be stopped, and Kedro would wait for all of their nodes
        raise KeyboardInterrupt

    def _terminate(self, number: int, frame: Any) -> None:
        """Clear the terminal, and end as the signal would have."""
        before = self._before.get(signal.SIGTERM, signal.SIG_DFL)
        if os.getpid() == self._process:
            _exit_after(_LONGEST_END, TERMINATED)
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


def _exit_after(seconds: float, code: int) -> None:
    """End this process if it has not ended by itself."""
    watchdog = threading.Timer(seconds, _exit, [code])
    watchdog.daemon = True
    watchdog.start()


def _exit(code: int) -> None:
    """End this process without waiting for its threads, after what is to be done at its end."""
    logging.disable(logging.CRITICAL)  # steps in other threads fail now, because what they use has ended
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
