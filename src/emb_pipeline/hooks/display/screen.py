"""The screen of a run while it goes on: a picture that is drawn again and again on a terminal, or plain lines."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import rich
from rich.live import Live
from rich.text import Text

from emb_pipeline.errors import DataError, suggest
from emb_pipeline.hooks.display.draw import draw_run
from emb_pipeline.hooks.display.events import EventReader
from emb_pipeline.hooks.display.plain import PlainLines
from emb_pipeline.hooks.display.state import RunState

CONSOLE = "EMB_PIPELINE_CONSOLE"
"""Environment variable: how a run is shown, one of `MODES`."""
LIVE, PLAIN, LINES = "live", "plain", "lines"
MODES = {"auto": "live on a terminal, else plain", LIVE: "a picture", PLAIN: "few lines", LINES: "every line of the log"}
_LEAST_WIDTH, _LEAST_HEIGHT = 60, 14
_PAUSE, _PAUSES_PER_DRAWING = 0.5, 150
"""A drawing is followed by at least so many times its own time: all of them take less than 1 % of one core."""
_LOGGER = logging.getLogger(__name__)
_ON_FORK = threading.RLock()
"""Held while something is drawn: a process that is forked meanwhile would start with a console that is locked for ever."""
os.register_at_fork(before=_ON_FORK.acquire, after_in_parent=_ON_FORK.release, after_in_child=_ON_FORK.release)


def find_mode() -> str:
    """Find how a run is to be shown.

    Raises
    ------
    DataError
        ``EMB_PIPELINE_CONSOLE`` has a value that does not exist.
    """
    wanted = os.environ.get(CONSOLE, "").strip() or "auto"
    if wanted not in MODES:
        raise DataError(CONSOLE, f"there is no way {wanted!r} to show a run", suggest(wanted, MODES))
    if wanted != "auto":
        return wanted
    console = rich.get_console()
    is_watched = os.environ.get("CI", "").casefold() in ("", "0", "false")
    is_terminal = sys.stdout.isatty() and is_watched and not (console.is_dumb_terminal or console.is_jupyter)
    return LIVE if is_terminal and console.width >= _LEAST_WIDTH and console.height >= _LEAST_HEIGHT else PLAIN


class Screen:
    """Shows the events of a run from a thread of its own.

    Parameters
    ----------
    path : Path
        File of the events.
    mode : {"live", "plain", "lines"}
        With lines, nothing is shown: the log is.
    on_error : function
        Called where the events cannot be shown; the run goes on.
    """

    def __init__(self, path: Path, mode: str, on_error: Callable[[], None]) -> None:
        self.state = RunState()
        self._reader, self._mode, self._on_error = EventReader(path), mode, on_error
        self._plain = PlainLines()
        self._live = Live(console=rich.get_console(), auto_refresh=False, transient=True) if mode == LIVE else None
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._show, name="display", daemon=True)
        self._n_notices = 0

    def start(self) -> None:
        """Begin to show."""
        self._refresh()
        if self._live is not None:
            with _ON_FORK:
                self._live.start()
        self._thread.start()

    def stop(self) -> None:
        """End, with nothing of the picture left on the terminal; `state` is that of the last event."""
        self._has_ended.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        with _ON_FORK:
            if self._live is not None:
                self._live.stop()
                self._live = None
            self._take_events()

    def _show(self) -> None:
        pause = 0.0
        while not self._has_ended.wait(pause):
            before = time.thread_time()
            try:
                self._refresh()
            except Exception:
                _LOGGER.warning("the display of the run failed; its log goes on", exc_info=True)
                self._on_error()
                return
            pause = max(_PAUSE, _PAUSES_PER_DRAWING * (time.thread_time() - before))

    def _refresh(self) -> None:
        with _ON_FORK:
            self._take_events()
            self.state.now = max(self.state.now, time.time())
            console = rich.get_console()
            if self._mode == PLAIN:
                for line in self._plain.find_due(self.state):
                    console.print(Text(line), soft_wrap=True)
            if self._live is None:
                return
            for text in self.state.notices[self._n_notices :]:
                console.print(Text(text), soft_wrap=True)
            self._n_notices = len(self.state.notices)
            width, height = console.size
            self._live.update(draw_run(self.state, width, height - 1), refresh=self._live.is_started)

    def _take_events(self) -> None:
        for event in self._reader.read_new():
            self.state.apply(event)
