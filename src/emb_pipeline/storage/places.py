"""Where a result is: a file or folder of this machine, or objects of a store with a copy here.

A dataset writes and reads local files in both cases. On a local place nothing else happens. With a place in a store, what
was written is uploaded, and what is to be read is downloaded first, unless the copy that is here is still the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol

from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.copies import (
    fetch_copy,
    find_copy,
    find_current_copy,
    find_url,
    forget_failed_entry,
    normalize_url,
    read_entry,
    remove_result,
    write_copy,
    write_failed_entry,
)
from emb_pipeline.storage.copy_space import use_copy, use_copy_with
from emb_pipeline.storage.failures import Failed, forget_failure, load_failure, store_failure
from emb_pipeline.storage.local_paths import is_url
from emb_pipeline.storage.object_store import check_url, read_object, write_object

_LATEST = "latest.json"


class Place(Protocol):
    """The place of one result."""

    @property
    def path(self) -> Path:
        """The file or folder on this machine: the result itself, or its copy."""
        ...

    @property
    def is_shared(self) -> bool:
        """True in a store, where other machines read it, too."""
        ...

    def write(self, companions: Sequence[str] = (), is_added_to: bool = False) -> AbstractContextManager[Path]:
        """Give the path to write to; with the block's end the result is where it belongs.

        ``companions`` are names of files next to it that belong to it. A result that something ``is_added_to`` still counts
        as written when it was.
        """
        ...

    def use(self) -> AbstractContextManager[Path]:
        """Give the path to read from; it stays there until the block ends."""
        ...

    def keep_for(self, value: object) -> None:
        """Keep what is read as long as a value is there that reads from it; call it inside the block of `use`."""
        ...

    def exists(self, manifest: str = "") -> bool:
        """Tell whether the result is there, and no failure; of a folder its manifest is."""
        ...

    def failure(self) -> Failed | None:
        """Why it could not be made; None where it could."""
        ...

    def store_failure(self, failed: Failed) -> None:
        """Store a failure in place of the result, and remove the result of an earlier run."""
        ...

    def forget_failure(self) -> None:
        """Remove the failure of an earlier run, now that the result is there."""
        ...

    def remove(self) -> None:
        """Remove the file, if there is one."""
        ...

    def find_write_time(self, manifest: str = "manifest.json") -> float:
        """Find when it was written, in seconds since 1970."""
        ...

    def look(self) -> tuple[Path | None, int | None]:
        """Give its path if it is on this machine, and its size where that is known without it."""
        ...


@dataclass(frozen=True)
class LocalPlace:
    """A file or folder of this machine, with a marker next to it where it could not be made."""

    path: Path

    @property
    def is_shared(self) -> bool:
        return False

    @contextmanager
    def write(self, companions: Sequence[str] = (), is_added_to: bool = False) -> Iterator[Path]:
        yield self.path

    @contextmanager
    def use(self) -> Iterator[Path]:
        yield self.path

    def keep_for(self, value: object) -> None:
        pass

    def exists(self, manifest: str = "") -> bool:
        return (self.path / manifest).is_file() and self.failure() is None

    def failure(self) -> Failed | None:
        return load_failure(self.path)

    def store_failure(self, failed: Failed) -> None:
        store_failure(self.path, failed)

    def forget_failure(self) -> None:
        forget_failure(self.path)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def find_write_time(self, manifest: str = "manifest.json") -> float:
        inside = self.path / manifest
        return (inside if inside.is_file() else self.path).stat().st_mtime

    def look(self) -> tuple[Path | None, int | None]:
        return self.path, None


@dataclass(frozen=True)
class StorePlace:
    """Objects of a store, with an entry that names them or says why they could not be made."""

    url: str

    @property
    def path(self) -> Path:
        return find_copy(self.url)

    @property
    def is_shared(self) -> bool:
        return True

    @contextmanager
    def write(self, companions: Sequence[str] = (), is_added_to: bool = False) -> Iterator[Path]:
        with write_copy(self.url, companions, is_added_to) as path:
            yield path

    @contextmanager
    def use(self) -> Iterator[Path]:
        with use_copy(self.path):
            yield fetch_copy(self.url)

    def keep_for(self, value: object) -> None:
        use_copy_with(self.path, value)

    def exists(self, manifest: str = "") -> bool:
        entry = read_entry(self.url)
        return entry is not None and bool(entry.files)

    def failure(self) -> Failed | None:
        entry = read_entry(self.url)
        return Failed(**entry.failed) if entry is not None and entry.failed else None

    def store_failure(self, failed: Failed) -> None:
        write_failed_entry(self.url, json.loads(json.dumps(failed.to_json(), default=str)))

    def forget_failure(self) -> None:
        forget_failed_entry(self.url)

    def remove(self) -> None:
        remove_result(self.url)

    def find_write_time(self, manifest: str = "manifest.json") -> float:
        entry = read_entry(self.url)
        if entry is None:
            raise FileNotFoundError(self.url)
        return entry.written_at

    def look(self) -> tuple[Path | None, int | None]:
        entry, path = find_current_copy(self.url)
        return path, entry.n_bytes if entry is not None else None


def find_place(path: str | PurePath) -> Place:
    """Find the place of a result: of a path, of a URL, or of the path of a copy.

    Raises
    ------
    DataError
        A URL of no object store, or one whose library is not installed.
    """
    if is_url(str(path)):
        url = normalize_url(path)
        check_url(url)
        return StorePlace(url)
    local = Path(path)
    copy_of = find_url(local) if local.is_absolute() else None
    return LocalPlace(local) if copy_of is None else StorePlace(copy_of)


def read_small_file(path: Path) -> str | None:
    """Read a small file that needs no copy, where results are; None where there is none."""
    url = find_url(path.absolute())
    if url is not None:
        content = read_object(url, again=False)
        return None if content is None else content.decode()
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def write_small_file(path: Path, text: str) -> None:
    """Write such a file, whole or not at all."""
    url = find_url(path.absolute())
    if url is not None:
        write_object(url, text.encode())
        return
    with write_atomically(path) as part:
        part.write_text(text, encoding="utf-8")


def find_newest_version(pattern: str) -> list[str]:
    """Find the newest version of a versioned result in a store: a list of one path, or of none.

    Parameters
    ----------
    pattern : str
        As Kedro asks for all versions: ``<url of the result>/*/<name>``.
    """
    url, name = normalize_url(pattern).rsplit("/*/", 1)
    content = read_object(f"{url}/{_LATEST}", again=False)
    return [] if content is None else [f"{url}/{json.loads(content)['version']}/{name}"]


def note_newest_version(path: PurePath) -> None:
    """Note which version of a result in a store is the newest, after it was written to ``<result>/<version>/<name>``."""
    url = normalize_url(path.parent.parent)
    write_object(f"{url}/{_LATEST}", json.dumps({"version": path.parent.name}).encode())
