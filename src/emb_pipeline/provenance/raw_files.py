"""Fingerprints of what a result reads from outside: raw files, pretrained models, public sources, installed packages.

Parameters name them. A pydantic model among the parameters that reads files has a method ``find_files(raw, project)``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from emb_pipeline.provenance.code_fingerprint import find_version
from emb_pipeline.readers.options import Source, download_names, list_package_names
from emb_pipeline.readers.public_data.public_sources import public_sources
from emb_pipeline.storage.shared_json import read_object, update_object

_log = logging.getLogger(__name__)
_SETTLED_NS = 2_000_000_000
"""Age from which a file's time is trusted: one that is written again within the clock's tick would keep it."""
_LARGE_BYTES = 1 << 30


class FileHashes:
    """Content hashes of files, computed once and remembered for as long as size and times stay.

    Parameters
    ----------
    store : Path, optional
        Where they are remembered between runs.
    """

    def __init__(self, store: Path | None = None) -> None:
        self._store = store
        self._known: dict[str, list[Any]] = read_object(store) if store is not None else {}
        self._changed = False

    def hash_of(self, path: Path) -> str:
        """Hash a file's content, or recall the hash."""
        place = str(path.absolute())
        stat = path.stat()
        # Content cannot change without the change time; a copy that keeps the time of modification has a new one.
        stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        known = self._known.get(place)
        if isinstance(known, list) and len(known) == 4 and known[:3] == stamp:
            return str(known[3])
        if stat.st_size > _LARGE_BYTES:
            _log.info("reading %s (%.1f GB) once, to know when it changes", path, stat.st_size / 1e9)
        with path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if time.time_ns() - max(stamp[1:]) > _SETTLED_NS:
            self._known[place] = [*stamp, found]
            self._changed = True
        elif known is not None:
            del self._known[place]
            self._changed = True
        return found

    def keep(self) -> None:
        """Write what was hashed, for the next run."""
        if self._store is None or not self._changed:
            return
        update_object(
            self._store,
            lambda of_others: {place: entry for place, entry in (of_others | self._known).items() if Path(place).exists()},
        )
        self._changed = False


def fingerprint_inputs(value: Any, raw: Path, project: Path, hashes: FileHashes) -> dict[str, str]:
    """Fingerprint everything that some validated parameters read from outside, by its name."""
    found: dict[str, str] = {}
    for model in find_models(value):
        find_files = getattr(model, "find_files", None)
        if find_files is not None:
            found.update((_name(path, project), _hash(path, hashes)) for path in find_files(raw, project))
        if isinstance(model, Source):
            found.update(
                (f"{name}/{file.path}", file.sha256) for name in download_names(model) for file in _list_declared(name)
            )
            for package in list_package_names(model):
                found.update(_package(package, hashes))
    return dict(sorted(found.items()))


def find_models(value: Any) -> Iterator[BaseModel]:
    """Find the pydantic models in a value, and those in their fields."""
    if isinstance(value, BaseModel):
        yield value
        yield from find_models(list(value.__dict__.values()))
    elif isinstance(value, dict):
        yield from find_models(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from find_models(each)


def _hash(path: Path, hashes: FileHashes) -> str:
    try:
        return hashes.hash_of(path)
    except OSError:
        return "unreadable"  # refused with a remedy where it is read


def _list_declared(source: str) -> Iterable[Any]:
    """List the files of a public source: each is checked against its hash before it is read."""
    return public_sources()[source].files if source in public_sources() else ()


def _package(name: str, hashes: FileHashes) -> dict[str, str]:
    """Fingerprint a package that is parsed: its version, or the content of its modules where it is a folder on the path."""
    if version := find_version(name):
        return {f"package {name}": version}
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec is not None else []
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": hashes.hash_of(path)
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
    }


def _name(path: Path, project: Path) -> str:
    """Find a file's name without the name of the project's folder on this machine."""
    path = path.absolute()
    return path.relative_to(project.absolute()).as_posix() if path.is_relative_to(project.absolute()) else path.name
