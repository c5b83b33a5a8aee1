"""Writing a file or a folder so that it is either there whole or not there at all, and by one process at a time."""

from __future__ import annotations

import os
import platform
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """A temporary name beside ``final``; what was written there gets the final name when the block ends well.

    Works for a file or for a folder. A folder that is already there under the final name is replaced. What processes
    that were killed left behind under temporary names of ``final`` is removed.
    """
    temporary = temporary_path(final)
    try:
        yield temporary
        _sync(temporary)
        if temporary.is_dir() and final.exists():
            # A folder with content cannot be renamed over: the old one steps aside, and goes only when the new one stands.
            outdated = temporary_path(final)
            os.replace(final, outdated)
            os.replace(temporary, final)
            shutil.rmtree(outdated)
        else:
            os.replace(temporary, final)
        _sync_folder(final.parent)
    finally:
        _remove(temporary)


def temporary_path(final: Path) -> Path:
    """A new hidden name beside ``final``, for a file or folder that will be moved or removed by this process.

    Files and folders under such names whose process no longer runs are removed first.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    host = re.sub(r"\W", "_", platform.node())
    for left in final.parent.glob(f".{_glob_escaped(final.name)}.{host}-*-*.part"):
        if not process_runs(left):
            _remove(left)
    return final.with_name(f".{final.name}.{host}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process or thread at a time fill a folder; the others wait, and find what they need there.

    On Windows nobody waits: two at once do the same work twice, no more.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _glob_escaped(name: str) -> str:
    """A name that a glob pattern takes literally."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def process_runs(temporary: Path) -> bool:
    """Whether the process that made a temporary path, on this machine, still runs."""
    if os.name != "posix":  # signal 0 would end a process on Windows
        return True
    try:
        os.kill(int(temporary.name.rsplit("-", 2)[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(path: Path) -> None:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
