"""A log in an object store, one numbered object for each entry: machines append to it, and nothing is listed.

    <url>/000001.json, <url>/000002.json, …    the entries, in the order in which they came
    <url>/start.json                           the number to begin with, where one entry says all that was before it

A reader goes on where it stopped, until a number is not there yet. A writer takes the next number if nobody has taken it
meanwhile: two machines that append at once write two entries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from emb_pipeline.storage.object_store import create_object, read_object, write_object

AT_ONCE = 16
"""Questions to a store at once: each waits for an answer."""


class ObjectLog:
    """A log, and how far it was read.

    Parameters
    ----------
    url : str
        Where its objects are.
    n_read : int
        Entries that were read by an earlier process.
    """

    def __init__(self, url: str, n_read: int = 0) -> None:
        self._url, self._n_read, self._start = url, n_read, 0

    @property
    def n_since_start(self) -> int:
        """Entries that a new reader reads."""
        return self._n_read - self._start

    def read(self) -> Iterator[bytes]:
        """Read the entries that have come since the last call."""
        if not self._n_read:
            start = read_object(f"{self._url}/start.json")
            self._start = self._n_read = int(json.loads(start)["start"]) - 1 if start else 0
        at_once = 1
        with ThreadPoolExecutor(AT_ONCE) as threads:
            while True:
                numbers = range(self._n_read + 1, self._n_read + 1 + at_once)
                for content in threads.map(self._read_entry, numbers):
                    if content is None:
                        return
                    self._n_read += 1
                    yield content
                at_once = min(2 * at_once, AT_ONCE)

    def append(self, content: bytes) -> bool:
        """Append an entry after the last one that was read; False if others have appended since: read theirs first."""
        if not create_object(self._name(self._n_read + 1), content):
            return False
        self._n_read += 1
        return True

    def start_here(self) -> None:
        """Let new readers begin with the last entry: it says all that was before it."""
        self._start = self._n_read - 1
        write_object(f"{self._url}/start.json", json.dumps({"start": self._n_read}).encode())

    def _read_entry(self, number: int) -> bytes | None:
        return read_object(self._name(number))

    def _name(self, number: int) -> str:
        return f"{self._url}/{number:06d}.json"
