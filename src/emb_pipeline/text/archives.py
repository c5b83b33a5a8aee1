"""Reading archives without unpacking them."""

from __future__ import annotations

import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from emb_pipeline.text.errors import DataError

LARGEST_MEMBER = 1 << 30
"""Bytes that one member may unpack to; more looks like an archive made to exhaust the machine."""

_REPAIR = "fetch or copy the archive anew"
_BROKEN = (
    OSError,
    EOFError,
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    RuntimeError,
    NotImplementedError,
)


def is_archive(path: Path) -> bool:
    """Whether a file's name says tar or zip."""
    return path.suffix == ".zip" or path.suffix in (".tar", ".tgz") or ".tar." in path.name


def archive_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each regular file of a tar or zip archive, in the archive's order.

    Nothing is written to disk. Links and devices are passed over.

    Raises
    ------
    DataError
        The archive is damaged, or a member's name is absolute or climbs out of the archive, or a member is huge.
    """
    return zip_members(path) if path.suffix == ".zip" else tar_members(path)


def tar_members(path: Path, wanted: re.Pattern[str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Name and content of each regular file of a tar archive (.tar, .tar.gz, .tar.bz2, .tar.xz); see `archive_members`."""
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                name = _safe_name(path, member.name)
                if member.isfile() and (wanted is None or wanted.search(name)):
                    _require_modest(path, name, member.size)
                    file = archive.extractfile(member)
                    assert file is not None
                    yield name, file.read()
    except _BROKEN as error:
        raise DataError(str(path), f"the archive cannot be read ({error or type(error).__name__})", _REPAIR) from error


def zip_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of a zip archive; see `archive_members`."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name = _safe_name(path, info.filename)
                if not info.is_dir() and not name.startswith("__MACOSX/"):
                    _require_modest(path, name, info.file_size)
                    yield name, archive.read(info)
    except _BROKEN as error:
        raise DataError(str(path), f"the archive cannot be read ({error or type(error).__name__})", _REPAIR) from error


def _safe_name(path: Path, name: str) -> str:
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts:
        raise DataError(
            str(path), f"member '{name}' points outside the archive", "do not use this archive; fetch it from its publisher"
        )
    return str(pure)


def _require_modest(path: Path, name: str, size: int) -> None:
    if size > LARGEST_MEMBER:
        raise DataError(str(path), f"member '{name}' unpacks to {size:,} bytes", "split it into files below 1 GiB")
