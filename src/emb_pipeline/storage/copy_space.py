"""The room that local copies of results take: bounded, the longest unused are removed first, none that is in use.

Next to each copy are two hidden files: ``.<name>.copy.json`` says which result it is of, and its time is that of the last
use; ``.<name>.use`` is locked, shared, by every process that uses the copy.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import write_atomically

if os.name == "posix":
    import fcntl

CACHE, OF_PROJECT = "EMB_PIPELINE_CACHE", "EMB_PIPELINE_PROJECT_CACHE"
"""Environment variables: the folder of local copies that a person names; the one that a project has by default."""
MOST_GIGABYTES = "EMB_PIPELINE_CACHE_GB"
"""Environment variable: the room that all copies may take."""
_USUAL_GIGABYTES = 20.0
_SCAN_AGAIN = 0.05
"""Of the room: what this process adds before it looks at all copies again."""
_NOTE = ".copy.json"
_log = logging.getLogger(__name__)
_added: dict[Path, float] = {}


def find_cache() -> Path:
    """Find the folder of local copies."""
    named = os.environ.get(CACHE) or os.environ.get(OF_PROJECT)
    return Path(named).absolute() if named else Path.home() / ".cache" / "emb_pipeline"


def name_project_cache(folder: Path) -> None:
    """Name the folder of a project's copies, for this process and its workers; `CACHE` goes before it."""
    os.environ[OF_PROJECT] = str(folder)


def read_note(copy: Path) -> dict[str, Any]:
    """Read which result a copy is of; empty where it is none, or was not finished."""
    try:
        note = json.loads(_name_note(copy).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and copy.exists() else {}


def write_note(copy: Path, facts: Mapping[str, Any]) -> None:
    """Note which result a copy is of, and its ``bytes``."""
    with write_atomically(_name_note(copy)) as part:
        part.write_text(json.dumps(dict(facts)), encoding="utf-8")


def forget_note(copy: Path) -> None:
    """Say of a copy that it is of no result any more."""
    _name_note(copy).unlink(missing_ok=True)


def note_use(copy: Path) -> None:
    """Note that a copy is used now."""
    with suppress(FileNotFoundError):
        os.utime(_name_note(copy))


@contextmanager
def use_copy(copy: Path) -> Iterator[None]:
    """Keep a copy from being removed until the block ends."""
    release = _lock_shared(copy)
    try:
        yield
    finally:
        release()


def use_copy_with(copy: Path, value: object) -> None:
    """Keep a copy from being removed as long as a value is there that reads from it."""
    weakref.finalize(value, _lock_shared(copy))


def make_room(n_bytes: int) -> None:
    """Remove the longest unused copies where all of them take more than their room, given what was just added."""
    cache, most = find_cache(), _read_limit()
    known = cache in _added
    _added[cache] = _added.get(cache, 0.0) + n_bytes
    if known and _added[cache] < _SCAN_AGAIN * most:
        return
    _added[cache] = 0.0
    copies = sorted(_list_copies(cache), key=lambda each: each[0])
    total = sum(size for _, size, _ in copies)
    for _, size, copy in copies:
        if total <= most:
            return
        if _remove(copy):
            total -= size
            _log.info("removed the local copy %s (%d bytes), the longest unused; it is in the store", copy, size)
    if total > most:
        _log.debug(
            "local copies take %.2f GB, more than %s=%.2f: all of them are in use", total / 1e9, MOST_GIGABYTES, most / 1e9
        )


def _read_limit() -> float:
    written = os.environ.get(MOST_GIGABYTES, "")
    try:
        gigabytes = float(written) if written.strip() else _USUAL_GIGABYTES
    except ValueError:
        gigabytes = -1.0
    if not gigabytes >= 0:
        raise DataError(MOST_GIGABYTES, f"is {written!r}", "write a number of gigabytes: 20")
    return gigabytes * 1e9


def _list_copies(cache: Path) -> Iterator[tuple[float, int, Path]]:
    for note in cache.rglob(f".*{_NOTE}"):
        copy = note.with_name(note.name.removeprefix(".").removesuffix(_NOTE))
        with suppress(OSError, ValueError, TypeError):
            yield note.stat().st_mtime, int(json.loads(note.read_text(encoding="utf-8"))["bytes"]), copy


def _remove(copy: Path) -> bool:
    """Remove a copy, with its companions, unless some process uses it."""
    with _lock_alone(copy) as is_free:
        if not is_free:
            return False
        companions = read_note(copy).get("companions", [])
        forget_note(copy)  # first: what is left of it is no copy
        for path in (copy, *(copy.with_name(name) for name in companions)):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return True


def _name_note(copy: Path) -> Path:
    return copy.with_name(f".{copy.name}{_NOTE}")


def _open_use_file(copy: Path) -> int:
    copy.parent.mkdir(parents=True, exist_ok=True)
    return os.open(copy.with_name(f".{copy.name}.use"), os.O_RDWR | os.O_CREAT, 0o666)


def _lock_shared(copy: Path) -> partial[None]:
    """Lock a copy's file of use, shared; what is returned unlocks it."""
    file = _open_use_file(copy)
    if os.name == "posix":
        fcntl.flock(file, fcntl.LOCK_SH)
    return partial(os.close, file)


@contextmanager
def _lock_alone(copy: Path) -> Iterator[bool]:
    """Lock a copy's file of use for this process alone; False where others use it, or where a system has no such locks."""
    if os.name != "posix":
        yield False
        return
    file = _open_use_file(copy)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(file)
