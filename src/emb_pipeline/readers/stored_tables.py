"""Tables that are made of something else, stored among the raw data until that changes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from emb_pipeline.storage.atomic import hold_lock, write_atomically

MadeOf: TypeAlias = dict[str, list[int]]
"""Size and times of each file that a table is made of."""
_SETTLED_NS = 2_000_000_000
"""Age from which a file's time is trusted: one that is written again within the clock's tick would keep it."""
_NOTE = "made_of.json"


def store_tables(folder: Path, made_of: MadeOf | None, make: Callable[[Path], None], *, what: str) -> Path:
    """Make a folder of tables, unless it is there and was made of the same files.

    Parameters
    ----------
    folder : Path
        The folder; its name says everything that it is made of apart from files.
    made_of : dict, optional
        See `stamp_files`; None: it is made again.
    make : callable
        Writes the tables into a new folder.
    what : str
        The work, for those who wait for it: ``"asking reviews.sql"``.
    """
    with hold_lock(folder.with_name(f"{folder.name}.lock"), what=what):
        if made_of is None or made_of != _read_note(folder):
            with write_atomically(folder) as part:
                part.mkdir()
                make(part)
                (part / _NOTE).write_text(json.dumps(made_of), encoding="utf-8")
    return folder


def _read_note(folder: Path) -> MadeOf | None:
    """Read what tables were made of; None where they are not there."""
    note = folder / _NOTE
    if not note.exists() or not any(folder.glob("*.parquet")):
        return None
    found: MadeOf | None = json.loads(note.read_text(encoding="utf-8"))
    return found


def stamp_files(files: Iterable[Path]) -> MadeOf | None:
    """Describe files by size and times; None where one was written just now, or is gone."""
    try:
        stamps = {str(path): path.stat() for path in files}
    except OSError:
        return None
    if any(time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) < _SETTLED_NS for stat in stamps.values()):
        return None
    return {name: [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns] for name, stat in stamps.items()}
