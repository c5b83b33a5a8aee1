"""The time that a budgeted run has taken, with that of earlier ones that were killed."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emb_pipeline.storage.shared_json import read_object, update_object

_EVERY_SECONDS = 1.0


class Clock:
    """Counts the seconds of this run, and writes them down each second: a run may be killed at any moment.

    Parameters
    ----------
    file : Path
        Where they are written.
    key : str
        Names the question that time is spent on: under another one, what was spent before does not count.
    """

    def __init__(self, file: Path, key: str) -> None:
        self._file, self._key, self._own = file, key, uuid.uuid4().hex[:12]
        self._before = sum(self._read().values())
        self._began = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds in all."""
        return self._before + time.monotonic() - self._began

    @contextmanager
    def run(self) -> Iterator[None]:
        """Write the seconds down as long as the block lasts."""
        ended = threading.Event()

        def write() -> None:
            while not ended.wait(_EVERY_SECONDS):
                self.note()

        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.note()

    def note(self) -> None:
        """Write the seconds of this run down."""
        seconds = time.monotonic() - self._began

        def add(found: dict[str, Any]) -> dict[str, Any]:
            runs = found.get("runs", {}) if found.get("key") == self._key else {}
            return {"key": self._key, "runs": {**runs, self._own: seconds}}

        update_object(self._file, add)

    def _read(self) -> dict[str, float]:
        found = read_object(self._file)
        runs: dict[str, float] = found.get("runs", {}) if found.get("key") == self._key else {}
        return runs
