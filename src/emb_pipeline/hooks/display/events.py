"""Events of a run, as lines of a file: every process of the run appends to it, and the one with the terminal reads it.

A file does not mind how many processes write, and none of them waits for another. What a process wrote before it was killed
is there, and a run can be drawn again from its file.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emb_pipeline.hooks.run_lines import append_line

EVENTS = "EMB_PIPELINE_RUN_EVENTS"
"""Environment variable: the file of the run, for the processes that it starts."""


def write_event(kind: str, **values: Any) -> None:
    """Append an event to the file of the run that goes on; without one, do nothing."""
    if EVENTS in os.environ:
        append_line(EVENTS, json.dumps({"event": kind, "time": time.time(), **values}, default=str) + "\n")


class EventReader:
    """The events of a file, each read once.

    Parameters
    ----------
    path : Path
        May still grow.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._place, self._part = path, 0, b""

    def read_new(self) -> Iterator[dict[str, Any]]:
        """Read what was appended since the last call; a line that is not whole yet is left for the next one."""
        with self._path.open("rb") as file:
            file.seek(self._place)
            found = file.read()
        self._place += len(found)
        *lines, self._part = (self._part + found).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:  # of a process that was killed while it wrote
                continue
            if isinstance(event, dict) and "event" in event:
                yield event
