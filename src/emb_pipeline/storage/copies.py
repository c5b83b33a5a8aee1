"""Local copies of results that are in an object store.

A result is one file, or a folder, with the objects of its files under their own keys, and an **entry** next to them,
``<key>.entry.json``: the names, sizes and hashes of the files. The entry goes before anything else is written, and comes
back last: whoever is killed in between leaves no result, and never a mixed one.

A copy has the same place below the folder of copies as the object has in the store, ``<cache>/s3/<bucket>/<key>``, so that
paths of one result relative to another one are the same here and there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import build_temporary_path, hold_lock, write_atomically
from emb_pipeline.storage.copy_space import (
    find_cache,
    forget_note,
    make_room,
    note_use,
    read_note,
    use_copy,
    write_note,
)
from emb_pipeline.storage.object_store import (
    STORES,
    check_url,
    delete_object,
    download_object,
    read_object,
    upload_object,
    write_object,
)

_log = logging.getLogger(__name__)
_ENTRY = ".entry.json"
_TRIES, _WAIT_SECONDS = 4, 0.25
_REMEDY = "make it again: kedro run --only-missing-outputs"


@dataclass(frozen=True)
class StoredFile:
    """One file of a result: its name relative to the result's folder, its size and its hash."""

    name: str
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """The entry of a result.

    Attributes
    ----------
    files : tuple of StoredFile
        Its files.
    is_folder : bool
        Whether it is a folder; else the first file is the result, and the others are its companions.
    written_at : float
        Seconds since 1970 at which it was written.
    failed : mapping
        Of a result that could not be made: why. It has no files.
    """

    files: tuple[StoredFile, ...] = ()
    is_folder: bool = False
    written_at: float = 0.0
    failed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """A hash of names and contents."""
        facts = [[file.name, file.sha256] for file in self.files]
        return hashlib.sha256(json.dumps([self.is_folder, facts]).encode()).hexdigest()

    @property
    def n_bytes(self) -> int:
        """Size of all files."""
        return sum(file.n_bytes for file in self.files)


def normalize_url(place: str | PurePath) -> str:
    """Write a URL as it is written, with single slashes in it: one that was a path has lost one."""
    protocol, _, rest = str(place).partition(":")
    return f"{protocol.lower()}://{'/'.join(filter(None, rest.split('/')))}"


def find_copy(url: str) -> Path:
    """Find the place of the copy of a result, whether or not there is one."""
    protocol, _, rest = url.partition("://")
    return find_cache() / protocol / rest


def find_url(path: Path) -> str | None:
    """Find the URL of the result whose copy has this place; None for a path that is no place of a copy."""
    try:
        protocol, *rest = path.relative_to(find_cache()).parts
    except ValueError:
        return None
    return f"{protocol}://{'/'.join(rest)}" if protocol in STORES and rest else None


def read_entry(url: str, again: bool = False) -> Entry | None:
    """Read the entry of a result, ``again`` even if it was read a moment ago; None where there is no finished one."""
    check_url(url)
    written = read_object(url + _ENTRY, again)
    if written is None:
        return None
    try:
        facts = json.loads(written)
        return Entry(**{**facts, "files": tuple(StoredFile(**file) for file in facts["files"])})
    except (ValueError, TypeError, KeyError) as error:
        _log.warning("%s is no entry of a result (%s): it counts as missing", url + _ENTRY, error)
        return None


def write_failed_entry(url: str, failed: Mapping[str, Any]) -> None:
    """Write an entry that says why a result could not be made, and remove the result of an earlier run."""
    before = read_entry(url)
    _write_entry(url, Entry(written_at=time.time(), failed=failed))
    forget_note(find_copy(url))
    for file in before.files if before else ():
        delete_object(_name_object(url, file))


def remove_result(url: str) -> None:
    """Remove a result, its entry first, and its copy's claim to be one."""
    entry = read_entry(url, again=True)
    if entry is not None:
        delete_object(url + _ENTRY)
        forget_note(find_copy(url))
        for file in entry.files:
            delete_object(_name_object(url, file))


def forget_failed_entry(url: str) -> None:
    """Remove an entry that says why a result could not be made: a version of it is there now."""
    entry = read_entry(url)
    if entry is not None and entry.failed:
        delete_object(url + _ENTRY)


def fetch_copy(url: str) -> Path:
    """Bring the copy of a result up to date, and find it; what is here already is not downloaded again.

    Raises
    ------
    DataError
        There is no such result, or its objects are not those that its entry names.
    """
    copy = find_copy(url)
    for n_tries in range(1, _TRIES + 1):
        entry = read_entry(url, again=n_tries > 1) or read_entry(url, again=True)
        if entry is not None and _is_current(copy, entry):
            note_use(copy)
            return copy
        if entry is not None and entry.failed:
            break
        if entry is not None:
            with hold_lock(copy.with_name(f".{copy.name}.lock"), what=f"downloading {url}"):
                if _is_current(copy, entry) or _download(url, entry, copy):
                    make_room(entry.n_bytes)
                    return copy
        if n_tries < _TRIES:
            time.sleep(_WAIT_SECONDS)  # perhaps it is being written in this moment
    if entry is not None and entry.files:
        raise DataError(url, "is damaged: its objects are not those that its entry names", _REMEDY)
    raise DataError(url, "is not there: it was never written, or not to its end", _REMEDY)


def find_current_copy(url: str) -> tuple[Entry | None, Path | None]:
    """Find the entry of a result, and its copy if that is up to date; nothing is downloaded."""
    entry, copy = read_entry(url), find_copy(url)
    return entry, copy if entry is not None and _is_current(copy, entry) else None


@contextmanager
def write_copy(url: str, companions: Sequence[str] = (), is_added_to: bool = False) -> Iterator[Path]:
    """Write a result at the place of its copy; it is uploaded when the block ends well.

    Parameters
    ----------
    url : str
        Of the result.
    companions : sequence of str
        Names of files next to its own that belong to it, if they are there.
    is_added_to : bool
        Whether the copy is up to date, and the result still counts as written when it was: something is added to it.
    """
    check_url(url)
    copy = find_copy(url)
    copy.parent.mkdir(parents=True, exist_ok=True)
    with use_copy(copy):
        forget_note(copy)
        yield copy
        _upload(url, copy, companions, is_added_to)
    make_room(int(read_note(copy).get("bytes", 0)))


def _upload(url: str, copy: Path, companions: Sequence[str], is_added_to: bool) -> None:
    paths = _list_files(copy, companions)
    files = tuple(_describe(path, copy) for path in paths)
    before = read_entry(url, again=True)
    is_kept = is_added_to and before is not None and set(before.files) <= set(files)
    if before is not None and not is_kept:
        delete_object(url + _ENTRY)
    for path, file in zip(paths, files, strict=True):
        if not (is_kept and before and file in before.files):
            upload_object(path, _name_object(url, file))
    written_at = before.written_at if is_added_to and before else time.time()
    entry = Entry(files, copy.is_dir(), written_at)
    _write_entry(url, entry)
    _note_copy(copy, entry)
    for name in {file.name for file in before.files} - {file.name for file in files} if before else ():
        delete_object(f"{url.rpartition('/')[0]}/{name}")


def _write_entry(url: str, entry: Entry) -> None:
    """Write the entry of a result: from now on it is there."""
    write_object(url + _ENTRY, json.dumps(asdict(entry)).encode())


def _list_files(copy: Path, companions: Sequence[str]) -> list[Path]:
    if copy.is_dir():
        found = (path for path in copy.rglob("*") if path.is_file())
        return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(copy).parts))
    return [copy, *(path for name in companions if (path := copy.with_name(name)).is_file())]


def _describe(path: Path, copy: Path) -> StoredFile:
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return StoredFile(path.relative_to(copy.parent).as_posix(), path.stat().st_size, digest)


def _name_object(url: str, file: StoredFile) -> str:
    return f"{url.rpartition('/')[0]}/{file.name}"


def _is_current(copy: Path, entry: Entry) -> bool:
    return bool(entry.files) and read_note(copy).get("fingerprint") == entry.fingerprint


def _download(url: str, entry: Entry, copy: Path) -> bool:
    """Download a result; False where its objects are not those of the entry."""
    with use_copy(copy), _download_folder(copy) as folder:
        for file in entry.files:
            path = folder / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not download_object(_name_object(url, file), path, file.n_bytes) or _describe(path, folder / "x") != file:
                return False
        forget_note(copy)
        names = dict.fromkeys(file.name.partition("/")[0] for file in entry.files)
        for name in [*(name for name in names if name != copy.name), copy.name]:  # itself comes last
            with write_atomically(copy.with_name(name)) as part:
                (folder / name).rename(part)
        _note_copy(copy, entry)
    return True


@contextmanager
def _download_folder(copy: Path) -> Iterator[Path]:
    folder = build_temporary_path(copy)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _note_copy(copy: Path, entry: Entry) -> None:
    companions = [] if entry.is_folder else [file.name for file in entry.files[1:]]
    write_note(copy, {"fingerprint": entry.fingerprint, "bytes": entry.n_bytes, "companions": companions})
