"""Facts about an endpoint's vectors that were found out with paid requests: their dimension, and how much they differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import hold_lock, write_atomically
from emb_pipeline.storage.sealed_files import read_json, write_json


class RememberedFacts:
    """Facts in a file that the processes of a project share.

    Parameters
    ----------
    path : Path, optional
        The file; without it, this process alone remembers.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._in_memory: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """Read all facts; none where the file is missing or damaged, for they can be found out again."""
        if self._path is None:
            return dict(self._in_memory)
        try:
            return read_json(self._path) if self._path.exists() else {}
        except DataError:
            return {}

    def update(self, **facts: Any) -> None:
        """Remember some more."""
        if self._path is None:
            self._in_memory |= facts
            return
        with hold_lock(self._path.with_name(f".{self._path.stem}.lock"), what="noting facts of an endpoint"):
            known = self.read()
            with write_atomically(self._path) as part:
                write_json({**known, **facts}, part)
