"""Public data sets, fetched once.

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
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.archives import read_tar_members, read_zip_members
from emb_pipeline.readers.public_data.public_sources import PublicSource, SourceFile, public_sources
from emb_pipeline.readers.public_data.resuming_download import ProgressBar, ResumingDownloader
from emb_pipeline.storage.atomic import hold_lock, write_atomically

MIRROR_VARIABLE = "EMB_PIPELINE_MIRROR"
"""Environment variable with the folder to take files from before the internet."""
_OPENERS: dict[str, Callable[..., Any]] = {"": open, ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_MANIFEST = ".verified.json"
_CHUNK = 1 << 20


def find_mirror() -> Path | None:
    """Find the folder that ``EMB_PIPELINE_MIRROR`` names, or None."""
    named = os.environ.get(MIRROR_VARIABLE)
    return Path(named) if named else None


def fetch(source: str | PublicSource, raw: Path, *, mirror: Path | None = None, progress: bool = False) -> Path:
    """Bring a source's files into ``raw/<source>``, checked; what is there already is not fetched again.

    A file that was verified before is not even hashed again while its size and modification time stay. A download that
    broke off goes on where it stopped; nothing unchecked ever is under a final name.

    Parameters
    ----------
    source : str or PublicSource
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
    source = _find_source(source) if isinstance(source, str) else source
    folder = Path(raw) / source.name
    folder.mkdir(parents=True, exist_ok=True)
    verified = _VerifiedFiles(folder)
    missing = [file for file in source.files if not verified.vouches_for(file)]
    if not missing:
        return folder
    with hold_lock(folder / ".lock", what=f"fetching {source.name}"):
        return _fetch_missing(source, folder, mirror, progress)


def is_fetched(source: str, raw: Path) -> bool:
    """Say whether all files of a public source are in ``raw``, verified."""
    folder = Path(raw) / source
    return folder.is_dir() and all(_VerifiedFiles(folder).vouches_for(file) for file in public_sources()[source].files)


def _fetch_missing(source: PublicSource, folder: Path, mirror: Path | None, progress: bool) -> Path:
    verified = _VerifiedFiles(folder)
    missing = [file for file in source.files if not verified.vouches_for(file)]
    with ProgressBar(source.name, sum(file.bytes for file in missing), shown=progress and bool(missing)) as bar:
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
            verified.add(file)
            bar.finish(file)
    return folder


def fingerprint_content(members: Sequence[tuple[str, bytes]]) -> str:
    """Compute the SHA-256 of an archive's content, whatever its packing.

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


def read_wanted_members(archive: Path, pattern: str) -> list[tuple[str, bytes]]:
    """Read the members of a tar file that match a pattern, sorted by name: the pattern's group 1, and the content."""
    wanted = re.compile(pattern)
    return sorted(
        (match[1], content) for name, content in read_tar_members(archive, wanted=wanted) if (match := wanted.search(name))
    )


def _find_source(name: str) -> PublicSource:
    if name not in public_sources():
        remedy = "name one of these, or use 'path:' for files of your own"
        raise DataError("download", f"'{name}' is not among {sorted(public_sources())}", remedy)
    return public_sources()[name]


class _VerifiedFiles:
    """A record of which files were verified, with the size and time they had then."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / _MANIFEST
        try:
            self._entries: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._entries = {}

    def vouches_for(self, file: SourceFile) -> bool:
        path = self._folder / file.path
        return path.is_file() and self._entries.get(file.path) == self._entry(file)

    def add(self, file: SourceFile) -> None:
        self._entries[file.path] = self._entry(file)
        with _open_atomically(self._path) as out:
            out.write(json.dumps(self._entries, indent=0).encode())

    def _entry(self, file: SourceFile) -> list[object]:
        stat = (self._folder / file.path).stat()
        return [stat.st_size, stat.st_mtime_ns, file.sha256]


@contextmanager
def _open_atomically(path: Path) -> Iterator[IO[bytes]]:
    with write_atomically(path) as part, part.open("wb") as file:
        yield file


def _is_intact(path: Path, file: SourceFile) -> bool:
    if not path.is_file():
        return False
    if file.members is not None:
        try:
            return fingerprint_content(read_wanted_members(path, r"^(.*)$")) == file.sha256
        except DataError:
            return False
    size = path.stat().st_size
    if size != file.bytes and (file.rebuilt is None or size != file.rebuilt[0]):
        return False
    with path.open("rb") as content:
        return file.accepts(size, hashlib.file_digest(content, "sha256").hexdigest())


def _in_mirror(file: SourceFile, source: PublicSource, mirror: Path | None) -> Path | None:
    if mirror is None:
        return None
    copies = (mirror / (source.mirror or source.name) / (file.path + suffix) for suffix in _OPENERS)
    return next((copy for copy in copies if copy.is_file()), None)


def _take_from_mirror(copy: Path, file: SourceFile, target: Path, mirror: Path | None) -> None:
    remedy = f"copy the file into {mirror} again, or unset {MIRROR_VARIABLE} to download it"
    if file.members is not None:
        _repack(copy, file, target, remedy)
        return
    suffix = copy.name.removeprefix(target.name)
    digest, size = hashlib.sha256(), 0
    try:
        with _OPENERS[suffix](copy, "rb") as content, _open_atomically(target) as out:
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
    members = read_wanted_members(archive, file.members)
    fingerprint = fingerprint_content(members)
    if fingerprint != file.sha256:
        raise DataError(
            str(archive),
            f"its {len(members):,} wanted members have the content fingerprint {fingerprint}, not {file.sha256}",
            remedy,
        )
    with _open_atomically(target) as out, tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def _unpack(archive: Path, files: Sequence[SourceFile], folder: Path, remedy: str) -> None:
    """Write the members of an archive that are wanted as files of a source's folder."""
    wanted = {file.member: file for file in files}
    members = read_zip_members(archive) if zipfile.is_zipfile(archive) else read_tar_members(archive)
    for name, content in members:
        if (file := wanted.pop(name, None)) is None:
            continue
        found = hashlib.sha256(content).hexdigest()
        if found != file.sha256:
            raise DataError(file.url, f"its member {name} has the SHA-256 {found}, not {file.sha256}", remedy)
        place = folder / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        with _open_atomically(place) as out:
            out.write(content)
    if wanted:
        raise DataError(files[0].url, f"it has no member {next(iter(wanted))}", remedy)


def _download(
    file: SourceFile,
    target: Path,
    source: PublicSource,
    remaining: Sequence[SourceFile],
    mirror: Path | None,
    bar: ProgressBar,
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
