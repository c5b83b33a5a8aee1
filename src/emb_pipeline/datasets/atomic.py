"""Writing a file or a folder so that it is either there whole or not there at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """A temporary name beside ``final``; what was written there gets the final name when the block ends well.

    Works for a file or for a folder. A folder that is already there under the final name is replaced.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield temporary
        _sync(temporary)
        if temporary.is_dir() and final.exists():
            outdated = temporary.with_suffix(".old")
            os.replace(final, outdated)
            os.replace(temporary, final)
            shutil.rmtree(outdated)
        else:
            os.replace(temporary, final)
        _sync_folder(final.parent)
    finally:
        _remove(temporary)


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
