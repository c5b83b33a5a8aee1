"""The log of a run: whole in a file; its warnings, and what nodes say of their progress, among the events of the run."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from emb_pipeline.hooks.display.events import write_event
from emb_pipeline.hooks.run_lines import append_line, is_sending

LOG = "EMB_PIPELINE_RUN_LOG"
"""Environment variable: the log file of the run, for the processes that it starts."""
MUTED = "EMB_PIPELINE_RUN_MUTED"
"""Environment variable: 1 where workers print nothing on the terminal."""
NOTICE = "is_notice"
"""Attribute of a log record that a person must see, though it is no warning: what is about to be paid."""
_OUTSIDE_RUNS = "info_file_handler"
"""The handler of conf/logging.yml that writes what is logged outside a run."""
_FORMAT = "%(asctime)s - %(process)d - %(name)s - %(levelname)s - %(message)s"
_RUNNERS = "kedro.runner"
"""Kedro calls no hooks in workers of another start method than the default; its runner names each node that has ended."""
_SPOKEN = ("emb_pipeline", "kedro")
"""What these warn of is for people; other libraries' warnings are in the log file alone (conf/logging.yml)."""


class RunLog:
    """The handlers of a run: in the process that started it, and in its workers.

    Parameters
    ----------
    find_node : function
        Gives the node that the calling thread works on, or None.
    """

    def __init__(self, find_node: Callable[[], str | None]) -> None:
        self._find_node = find_node
        self._file: logging.FileHandler | None = None
        self._teller: _Teller | None = None
        self._owner = 0
        self.is_muted = False
        """Whether the console shows none of the log's lines: the display does."""
        os.register_at_fork(after_in_child=self._become_worker)

    def open(self, path: Path) -> None:
        """Send the log to the file of a run, and its warnings to the events."""
        self.close()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._owner = os.getpid()
        os.environ[LOG] = str(path)
        self._attach(path)

    def mute_console(self) -> None:
        """Show no line of the log on the console until `unmute_console`."""
        self.is_muted = True
        for handler in _list_console_handlers():
            if self._lets_pass not in handler.filters:
                handler.addFilter(self._lets_pass)

    def unmute_console(self) -> None:
        """Show the log's lines on the console again."""
        self.is_muted = False
        for handler in _list_console_handlers():
            handler.removeFilter(self._lets_pass)

    def tell_no_more(self) -> None:
        """End the events of the run; its file stays, for what is logged until the process ends."""
        if self._teller is not None:
            logging.getLogger().removeHandler(self._teller)
            self._teller = None

    def close(self) -> None:
        """Close the file of an earlier run."""
        self.tell_no_more()
        os.environ.pop(LOG, None)
        if self._file is not None:
            for logger in _list_loggers():
                logger.removeHandler(self._file)
            self._file.close()
            self._file = None

    def join_run(self) -> None:
        """Make this process a worker of the run that its environment names, if it is a new one that was not forked."""
        if self._owner:
            return
        path = os.environ.get(LOG)
        if is_sending():
            self._owner = os.getpid()
            for logger in _list_loggers():
                logger.addHandler(_Sender())
            logging.getLogger().addHandler(_Teller(self._find_node))
            if os.environ.get(MUTED) == "1":
                self.mute_console()
        elif path is not None:
            self._attach(Path(path))
            self._become_worker()

    def _attach(self, path: Path) -> None:
        self._file = logging.FileHandler(path, encoding="utf-8")
        self._file.setFormatter(logging.Formatter(_FORMAT))
        self._teller = _Teller(self._find_node)
        for logger in _list_loggers():
            for handler in [each for each in logger.handlers if each.get_name() == _OUTSIDE_RUNS]:
                logger.removeHandler(handler)
            logger.addHandler(self._file)
        logging.getLogger().addHandler(self._teller)

    def _become_worker(self) -> None:
        """Send all that this process prints to the file, too, and leave Ctrl-C to the process that started the run."""
        if self._file is None or self._owner == os.getpid():
            return
        self._owner = os.getpid()
        with suppress(ValueError):  # not the first thread of this process
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if os.environ.get(MUTED) != "1":
            return
        self.mute_console()
        stream = self._file.stream or self._file._open()
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
        sys.stdout = open(1, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115

    def _lets_pass(self, record: logging.LogRecord) -> bool:
        return not self.is_muted


class _Sender(logging.Handler):
    """Sends the log of a process on another machine to the file of the run."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        try:
            append_line(LOG, self.format(record) + "\n")
        except Exception:
            self.handleError(record)


class _Teller(logging.Handler):
    """Writes warnings, notices and what nodes say of their progress among the events of the run."""

    def __init__(self, find_node: Callable[[], str | None]) -> None:
        super().__init__(logging.INFO)
        self._find_node = find_node

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, if a person should see it."""
        if record.name.partition(".")[0] not in _SPOKEN:
            return
        try:
            if record.name.startswith(_RUNNERS) and record.args and str(record.msg).startswith("Completed node"):
                write_event("completed", node=str(record.args[0]))  # type: ignore[index]
            elif record.levelno >= logging.WARNING:
                write_event("warning", text=record.getMessage(), level=record.levelname)
            elif getattr(record, NOTICE, False):
                write_event("notice", text=record.getMessage())
            elif record.name.startswith("emb_pipeline") and (node := self._find_node()) is not None:
                write_event("says", node=node, text=record.getMessage())
        except Exception:
            self.handleError(record)


class CurrentNodes:
    """The node that each thread of this process works on."""

    def __init__(self) -> None:
        self._nodes: dict[int, str] = {}

    def begin(self, node: str) -> None:
        """Note that this thread begins a node."""
        self._nodes[threading.get_ident()] = node

    def end(self) -> None:
        """Note that this thread has ended its node."""
        self._nodes.pop(threading.get_ident(), None)

    def find(self) -> str | None:
        """Find the node of this thread; of a thread that a node has started, the only one that runs in this process."""
        own = self._nodes.get(threading.get_ident())
        if own is not None:
            return own
        nodes = list(self._nodes.values())
        return nodes[0] if len(nodes) == 1 else None


def _list_loggers() -> tuple[logging.Logger, logging.Logger]:
    """List those that the file of a run takes lines from; tracebacks go nowhere else."""
    return logging.getLogger(), logging.getLogger("emb_pipeline.tracebacks")


def _list_console_handlers() -> Iterator[logging.Handler]:
    loggers = [logging.getLogger(), *(each for each in logging.root.manager.loggerDict.values())]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            is_stream = isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)
            if is_stream or hasattr(handler, "console"):
                yield handler
