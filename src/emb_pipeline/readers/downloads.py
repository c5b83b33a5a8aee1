"""Public data sets: where each comes from, and fetching it once.

``sources.json`` names every upstream file with its URL, size and SHA-256. A source that upstream offers only inside a
repository tarball, whose bytes are not stable, is checked by the *content* of the members that are used.

`fetch` takes files from a mirror folder where one is named and holds them (as they are, or compressed), and from the
internet otherwise. Whichever road they take, they end in one layout, uncompressed, and are checked by the same hashes.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import re
import shutil
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import IO, Any

from emb_pipeline.errors import DataError
from emb_pipeline.readers.archives import tar_members, zip_members
from emb_pipeline.storage.atomic import atomic_path, exclusive

MIRROR_VARIABLE = "EMB_PIPELINE_MIRROR"
"""Environment variable with the folder to take files from before the internet."""

_OPENERS: dict[str, Callable[..., Any]] = {"": open, ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_LEDGER = ".verified.json"
_CHUNK = 1 << 20
_DOWNLOAD_CHUNK = 1 << 16  # what a broken connection loses at most


@dataclass(frozen=True)
class SourceFile:
    """One file of a source, as it lies in the raw folder.

    Attributes
    ----------
    path : str
        Path inside the source's folder.
    url : str
        Where upstream offers it; empty for a file that has to be made by hand.
    bytes : int
        Size; for an archive, of the contents of its members.
    sha256 : str
        Hash of the uncompressed upstream bytes; for an archive, its content fingerprint (`content_fingerprint`).
    members : str, optional
        For an archive: pattern of the wanted members' paths; its first group is the name they are stored under.
    rebuilt : tuple of int and str, optional
        Size and hash of a rebuilt file that a mirror may hold in its place: the same content in other bytes.
    member : str, optional
        For a file that upstream offers inside an archive (tar or zip, at ``url``): its path there.
    """

    path: str
    url: str
    bytes: int
    sha256: str
    members: str | None = None
    member: str | None = None
    rebuilt: tuple[int, str] | None = None

    def accepts(self, size: int, sha256: str) -> bool:
        """Whether a file of this size and hash is upstream's, or the one that was rebuilt from it."""
        return (size, sha256) in ((self.bytes, self.sha256), self.rebuilt)


@dataclass(frozen=True)
class Source:
    """A public data set.

    Attributes
    ----------
    name : str
        Its name in YAML, and its folder's.
    about : str
        What it is, in a line.
    licence : str
        As upstream states it.
    files : tuple of SourceFile
    mirror : str
        Its folder in a mirror.
    by_hand : str
        How the files without a URL are made.
    """

    name: str
    about: str
    licence: str
    files: tuple[SourceFile, ...]
    mirror: str = ""
    by_hand: str = ""


@cache
def sources() -> dict[str, Source]:
    """All sources by name."""
    return parse_sources(json.loads(resources.files(__package__).joinpath("sources.json").read_text(encoding="utf-8")))


def parse_sources(table: dict[str, Any]) -> dict[str, Source]:
    """Sources as ``sources.json`` writes them: a base URL with ``[path, bytes, sha256]`` rows, or archives.

    A row may end with the path below the base URL, where that is another one. Without a base URL files are made by hand,
    as ``by_hand`` says. ``rebuilt`` gives size and hash of files that a mirror may hold in place of upstream's.
    With ``packed``, the URL of an archive, rows are its members, ``[path, bytes, sha256, member]``.
    """
    parsed = {}
    for name, entry in table.items():
        base = entry.get("base_url", "")
        rebuilt = {path: (size, sha256) for path, (size, sha256) in entry.get("rebuilt", {}).items()}
        if "packed" in entry:
            files = [
                SourceFile(path, entry["packed"], size, sha256, member=member)
                for path, size, sha256, member in entry["files"]
            ]
        else:
            files = [
                SourceFile(
                    path,
                    base + (elsewhere[0] if elsewhere else path) if base else "",
                    size,
                    sha256,
                    rebuilt=rebuilt.get(path),
                )
                for path, size, sha256, *elsewhere in entry.get("files", [])
            ]
        files += [SourceFile(**archive) for archive in entry.get("archives", [])]
        by_hand, folder = entry.get("by_hand", ""), entry.get("mirror", name)
        parsed[name] = Source(name, entry["about"], entry["licence"], tuple(files), folder, by_hand)
    return parsed


def mirror_folder() -> Path | None:
    """The folder that ``EMB_PIPELINE_MIRROR`` names, or None."""
    named = os.environ.get(MIRROR_VARIABLE)
    return Path(named) if named else None


def fetch(source: str | Source, raw: Path, *, mirror: Path | None = None, progress: bool = False) -> Path:
    """Bring a source's files into ``raw/<source>``, checked; what is there already is not fetched again.

    A file that was verified before is not even hashed again while its size and modification time stay. A download that
    broke off goes on where it stopped; nothing unchecked ever lies under a final name.

    Parameters
    ----------
    source : str or Source
        A name in ``sources.json``.
    raw : Path
        Folder of the raw data (``data/01_raw``).
    mirror : Path, optional
        Folder with one folder per source, looked into first; its files may be compressed (.gz, .bz2, .xz).
    progress : bool
        Show a progress bar.

    Returns
    -------
    Path
        The source's folder.

    Raises
    ------
    DataError
        The source is unknown, a file fails its check, or no road leads to it.
    """
    source = _known(source) if isinstance(source, str) else source
    folder = Path(raw) / source.name
    folder.mkdir(parents=True, exist_ok=True)
    ledger = _Ledger(folder)
    missing = [file for file in source.files if not ledger.vouches_for(file)]
    if not missing:
        return folder
    with exclusive(folder / ".lock", what=f"fetching {source.name}"):
        return _fetched(source, folder, mirror, progress)


def is_fetched(source: str, raw: Path) -> bool:
    """Whether all files of a public source are in ``raw``, verified."""
    folder = Path(raw) / source
    return folder.is_dir() and all(_Ledger(folder).vouches_for(file) for file in sources()[source].files)


def _fetched(source: Source, folder: Path, mirror: Path | None, progress: bool) -> Path:
    ledger = _Ledger(folder)
    missing = [file for file in source.files if not ledger.vouches_for(file)]
    with _Bar(source.name, sum(file.bytes for file in missing), shown=progress and bool(missing)) as bar:
        for file in missing:
            bar.start(file)
            target = folder / file.path
            if not _is_intact(target, file):
                target.parent.mkdir(parents=True, exist_ok=True)
                copy = _in_mirror(file, source, mirror)
                if copy is not None:
                    _take_from_mirror(copy, file, target, mirror)
                else:
                    remaining = [each for each in missing if not (folder / each.path).is_file()]
                    _download(file, target, source, remaining, mirror, bar)
            ledger.add(file)
            bar.finish(file)
    return folder


def content_fingerprint(members: Sequence[tuple[str, bytes]]) -> str:
    """SHA-256 of an archive's content, whatever its packing.

    Parameters
    ----------
    members : sequence of (str, bytes)
        Name and content of each member.

    Returns
    -------
    str
        The hash, in hexadecimal, of the lines ``name NUL sha256-of-content LF`` in the order of the names.
    """
    digest = hashlib.sha256()
    for name, content in sorted(members, key=lambda member: member[0]):
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def wanted_members(archive: Path, pattern: str) -> list[tuple[str, bytes]]:
    """Names and contents of the members of a tar file that match a pattern, by name; the name is the pattern's group 1."""
    wanted = re.compile(pattern)
    return sorted(
        (match[1], content) for name, content in tar_members(archive, wanted=wanted) if (match := wanted.search(name))
    )


def _known(name: str) -> Source:
    if name not in sources():
        raise DataError(
            "source", f"'{name}' is not among {sorted(sources())}", "name one of these, or use 'path:' for files of your own"
        )
    return sources()[name]


class _Ledger:
    """Remembers which files were verified, with the size and time they had then."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / _LEDGER
        try:
            self._entries: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._entries = {}

    def vouches_for(self, file: SourceFile) -> bool:
        path = self._folder / file.path
        return path.is_file() and self._entries.get(file.path) == self._entry(file)

    def add(self, file: SourceFile) -> None:
        self._entries[file.path] = self._entry(file)
        with _atomically(self._path) as out:
            out.write(json.dumps(self._entries, indent=0).encode())

    def _entry(self, file: SourceFile) -> list[object]:
        stat = (self._folder / file.path).stat()
        return [stat.st_size, stat.st_mtime_ns, file.sha256]


@contextmanager
def _atomically(path: Path) -> Iterator[IO[bytes]]:
    with atomic_path(path) as part, part.open("wb") as file:
        yield file


def _is_intact(path: Path, file: SourceFile) -> bool:
    if not path.is_file():
        return False
    if file.members is not None:
        try:
            return content_fingerprint(wanted_members(path, r"^(.*)$")) == file.sha256
        except DataError:
            return False
    size = path.stat().st_size
    if size != file.bytes and (file.rebuilt is None or size != file.rebuilt[0]):
        return False
    with path.open("rb") as content:
        return file.accepts(size, hashlib.file_digest(content, "sha256").hexdigest())


def _in_mirror(file: SourceFile, source: Source, mirror: Path | None) -> Path | None:
    if mirror is None:
        return None
    copies = (mirror / (source.mirror or source.name) / (file.path + suffix) for suffix in _OPENERS)
    return next((copy for copy in copies if copy.is_file()), None)


def _take_from_mirror(copy: Path, file: SourceFile, target: Path, mirror: Path | None) -> None:
    remedy = f"copy the file into {mirror} anew, or unset {MIRROR_VARIABLE} to download it"
    if file.members is not None:
        _repack(copy, file, target, remedy)
        return
    suffix = copy.name.removeprefix(target.name)
    digest, size = hashlib.sha256(), 0
    try:
        with _OPENERS[suffix](copy, "rb") as content, _atomically(target) as out:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                out.write(chunk)
            if not file.accepts(size, digest.hexdigest()):
                raise DataError(
                    str(copy),
                    f"its content has {size:,} bytes and SHA-256 {digest.hexdigest()}, upstream's "
                    f"{file.bytes:,} and {file.sha256}",
                    remedy,
                )
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise DataError(str(copy), f"cannot be unpacked ({error})", remedy) from error


def _repack(archive: Path, file: SourceFile, target: Path, remedy: str) -> None:
    """Write the wanted members as a plain tar whose bytes depend on nothing but their names and contents."""
    assert file.members is not None
    members = wanted_members(archive, file.members)
    fingerprint = content_fingerprint(members)
    if fingerprint != file.sha256:
        raise DataError(
            str(archive),
            f"its {len(members):,} wanted members have the content fingerprint {fingerprint}, not {file.sha256}",
            remedy,
        )
    with _atomically(target) as out, tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def _unpack(archive: Path, files: Sequence[SourceFile], folder: Path, remedy: str) -> None:
    """Write the members of an archive that are wanted as files of a source's folder."""
    wanted = {file.member: file for file in files}
    members = zip_members(archive) if zipfile.is_zipfile(archive) else tar_members(archive)
    for name, content in members:
        if (file := wanted.pop(name, None)) is None:
            continue
        found = hashlib.sha256(content).hexdigest()
        if found != file.sha256:
            raise DataError(file.url, f"its member {name} has the SHA-256 {found}, not {file.sha256}", remedy)
        place = folder / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        with _atomically(place) as out:
            out.write(content)
    if wanted:
        raise DataError(files[0].url, f"it has no member {next(iter(wanted))}", remedy)


def _download(
    file: SourceFile, target: Path, source: Source, remaining: Sequence[SourceFile], mirror: Path | None, bar: _Bar
) -> None:
    if not file.url:
        place = f"source '{source.name}'"
        remedy = f"{source.by_hand}, and read it with 'path:', or put it into a mirror folder and set {MIRROR_VARIABLE}"
        raise DataError(place, f"{file.path} is not offered for download", remedy)
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    is_archive = file.members is not None or file.member is not None
    known_hash = None if is_archive else f"sha256:{file.sha256}"
    name = target.name + ".download" if is_archive else target.name
    downloader = ResumingDownloader(
        target.with_name(target.name + ".part"), limit=None if is_archive else file.bytes, advance=bar.advance
    )
    stale = downloader.part.is_file()
    try:
        try:
            downloaded = Path(pooch.retrieve(file.url, known_hash, fname=name, path=target.parent, downloader=downloader))
        except ValueError:  # pooch's word for a wrong hash: what an earlier try had left may be to blame
            downloader.part.unlink(missing_ok=True)
            if not stale:
                raise
            downloaded = Path(pooch.retrieve(file.url, known_hash, fname=name, path=target.parent, downloader=downloader))
    except requests.RequestException as error:
        raise DataError(
            f"source '{source.name}'",
            _unreachable(file, remaining, mirror, error),
            f"go online and run again (a download goes on where it stopped), or set {MIRROR_VARIABLE} to a "
            f"folder that holds {source.name}/{file.path} (or .gz, .bz2, .xz of it)",
        ) from error
    except ValueError as error:
        downloader.part.unlink(missing_ok=True)
        raise DataError(
            file.url,
            f"what arrived is not the file that is wanted (SHA-256 {file.sha256})",
            "run again; if it stays so, upstream has changed the file",
        ) from error
    if is_archive:
        try:
            remedy = "run again; if it stays so, upstream has changed the files"
            if file.members is not None:
                _repack(downloaded, file, target, remedy)
            else:
                packed = [each for each in remaining if each.url == file.url]
                _unpack(downloaded, packed, target.parents[file.path.count("/")], remedy)
        finally:
            downloaded.unlink(missing_ok=True)


def _unreachable(file: SourceFile, remaining: Sequence[SourceFile], mirror: Path | None, error: Exception) -> str:
    several = f"{len(remaining)} files are missing, the first is {file.path}"
    files = several if len(remaining) > 1 else f"{file.path} is missing"
    looked = f", {mirror} does not hold it" if mirror is not None else ""
    return f"{files}{looked} and {file.url} cannot be reached ({type(error).__name__})"


class ResumingDownloader:
    """A downloader for pooch that goes on where an earlier try stopped.

    Parameters
    ----------
    part : Path
        Where the unfinished file is kept between tries.
    limit : int, optional
        Size in bytes that the file is known to have; more than that is refused before it fills the disk.
    advance : callable, optional
        Told the number of bytes of each chunk that arrives.
    tries : int
        Connections to try before giving up.
    pause_seconds : float
        Pause before the second try; it doubles each time.
    """

    def __init__(
        self,
        part: Path,
        *,
        limit: int | None = None,
        advance: Callable[[int], None] | None = None,
        tries: int = 3,
        pause_seconds: float = 0.5,
    ) -> None:
        self.part, self._limit, self._advance = part, limit, advance
        self._tries, self._pause_seconds = tries, pause_seconds

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Download ``url`` to ``output_file``; pooch checks it there and gives it its name."""
        import requests

        for attempt in range(self._tries):
            try:
                self._continue(url)
                break
            except requests.RequestException as error:
                response = getattr(error, "response", None)
                refused = response is not None and 400 <= response.status_code < 500 and response.status_code != 429
                if refused or attempt == self._tries - 1:
                    raise
                time.sleep(self._pause_seconds * 2**attempt)
        shutil.move(self.part, output_file)

    def _continue(self, url: str) -> None:
        import requests

        have = self.part.stat().st_size if self.part.is_file() else 0
        if self._limit is not None and have > self._limit:
            self.part.unlink()
            have = 0
        if have and have == self._limit:
            return
        # 'identity': a range counts bytes of the file itself, not of a compressed transfer.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=(10, 60)) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self.part.unlink()
                raise requests.ConnectionError(f"the server has no more than the {have:,} bytes of an earlier try")
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            expected = response.headers.get("Content-Length")
            arrived = 0
            with self.part.open("ab" if resumed else "wb") as out:
                for chunk in response.iter_content(_DOWNLOAD_CHUNK):
                    arrived += len(chunk)
                    if self._limit is not None and (have if resumed else 0) + arrived > self._limit:
                        raise ValueError(f"{url} sends more than the {self._limit:,} bytes that the file has")
                    out.write(chunk)
                    if self._advance is not None:
                        self._advance(len(chunk))
            if expected is not None and arrived < int(expected):
                raise requests.ConnectionError(f"{url} broke off after {arrived:,} of {expected} bytes")


class _Bar:
    """A progress bar over the bytes of a source, or nothing."""

    def __init__(self, name: str, total: int, *, shown: bool) -> None:
        self._name, self._total, self._shown = name, total, shown

    def __enter__(self) -> _Bar:
        if self._shown:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                DownloadColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            self._progress = Progress(
                TextColumn("fetch {task.description}"),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._progress.start()
            self._task = self._progress.add_task(self._name, total=self._total)
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._progress.stop()

    def start(self, file: SourceFile) -> None:
        self._before = self._progress.tasks[0].completed if self._shown else 0
        if self._shown:
            self._progress.update(self._task, description=f"{self._name}/{file.path}")

    def advance(self, n_bytes: int) -> None:
        if self._shown:
            self._progress.advance(self._task, n_bytes)

    def finish(self, file: SourceFile) -> None:
        if self._shown:
            self._progress.update(self._task, completed=self._before + file.bytes)


def iter_files(folder: Path) -> Iterator[Path]:
    """List the files of a folder, sorted by path, without hidden and unfinished ones; links are followed once."""
    found: list[Path] = []
    walked: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        stat = os.stat(parent)
        if (stat.st_dev, stat.st_ino) in walked:  # a link to a folder above it, or to one that was listed
            folders.clear()
            continue
        walked.add((stat.st_dev, stat.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(parent, name) for name in names if not name.startswith(".")]
    yield from sorted(path for path in found if path.is_file() and path.suffix not in (".part", ".download"))
