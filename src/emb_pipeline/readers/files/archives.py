"""Reading archives without unpacking them."""

from __future__ import annotations

import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.limits import largest_unpacked, largest_whole, too_large

_REPAIR = "fetch or copy the archive again"
_BROKEN = (
    OSError,
    EOFError,
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    RuntimeError,
    NotImplementedError,
    TypeError,  # this and the next: what tarfile makes of a damaged header
    ValueError,
)


def is_archive(path: Path) -> bool:
    """Say whether a file's name ends as one of tar or zip."""
    return path.suffix == ".zip" or path.suffix in (".tar", ".tgz") or ".tar." in path.name


def read_archive_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each regular file of a tar or zip archive, in the archive's order.

    Nothing is written to disk. Links and devices are passed over.

    Raises
    ------
    DataError
        The archive is damaged, or a member's name is absolute or climbs out of the archive, or a member or the whole
        unpacks to more than `emb_pipeline.readers.files.limits` allows.
    """
    return read_zip_members(path) if path.suffix == ".zip" else read_tar_members(path)


def read_tar_members(path: Path, wanted: re.Pattern[str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Stream names and contents of a tar archive (.tar, .tar.gz, .tar.bz2, .tar.xz); see `read_archive_members`."""
    try:
        unpacked = _Unpacked(path)
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                name = _safe_name(path, member.name)
                # What is passed over is unpacked, too, except for the holes of a sparse member.
                unpacked.add(name, member.size)
                if member.isfile() and (wanted is None or wanted.search(name)):
                    file = archive.extractfile(member)
                    assert file is not None
                    yield name, file.read()
    except DataError:
        raise
    except _BROKEN as error:
        raise DataError(str(path), f"the archive cannot be read ({error or type(error).__name__})", _REPAIR) from error


def read_zip_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Stream name and content of each file of a zip archive; see `read_archive_members`."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = _Unpacked(path, sum(info.file_size for info in archive.infolist()))
            for info in archive.infolist():  # the directory says beforehand what all members unpack to
                unpacked.add(_safe_name(path, info.filename), info.file_size)
            for info in archive.infolist():
                name = _safe_name(path, info.filename)
                if not info.is_dir() and not name.startswith("__MACOSX/"):
                    yield name, archive.read(info)
    except DataError:
        raise
    except _BROKEN as error:
        raise DataError(str(path), f"the archive cannot be read ({error or type(error).__name__})", _REPAIR) from error


def _safe_name(path: Path, name: str) -> str:
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts:
        raise DataError(
            str(path), f"member '{name}' points outside the archive", "do not use this archive; fetch it from its publisher"
        )
    return str(pure)


class _Unpacked:
    """Unpack the members of an archive, one after the other."""

    def __init__(self, path: Path, needed: int = 0) -> None:
        self._path, self._total, self._needed = path, 0, needed
        self._largest, self._largest_member = largest_unpacked(path.stat().st_size), largest_whole()

    def add(self, name: str, size: int) -> None:
        """Count a member; refuse it where it, or all members so far, are too large."""
        self._total += size
        if size > self._largest_member:
            raise too_large(str(self._path), f"member '{name}' of {size:,} bytes", self._largest_member, size)
        if self._total > self._largest:
            raise too_large(
                str(self._path), f"what its members unpack to, '{name}' the last of them,", self._largest, self._needed
            )
