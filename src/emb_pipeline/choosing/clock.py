"""The time and the money that a budgeted run has taken, with those of earlier ones that were killed."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emb_pipeline.storage.shared_json import read_object, update_object

_EVERY_SECONDS = 1.0


class Clock:
    """Counts seconds, and writes them down each second: a run may be killed at any moment.

    Money is counted by the accounts of services: what was gone before is written down once.

    Parameters
    ----------
    file : Path
        Where they are written.
    key : str
        Names the question that time is spent on: under another one, what was spent before does not count.
    read_usd : callable
        Reads the dollars that are gone.
    """

    def __init__(self, file: Path, key: str, read_usd: Callable[[], float] = lambda: 0.0) -> None:
        self._file, self._key, self._own, self._read_usd = file, key, uuid.uuid4().hex[:12], read_usd
        found = self._read()
        self._before: float = sum(found.get("runs", {}).values())
        self._usd_before: float = found.get("usd_before", read_usd())
        self._began = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds in all."""
        return self._before + time.monotonic() - self._began

    @property
    def spent_usd(self) -> float:
        """Dollars in all."""
        return max(self._read_usd() - self._usd_before, 0.0)

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
            return {"key": self._key, "usd_before": self._usd_before, "runs": {**runs, self._own: seconds}}

        update_object(self._file, add)

    def _read(self) -> dict[str, Any]:
        found = read_object(self._file)
        return found if found.get("key") == self._key else {}
