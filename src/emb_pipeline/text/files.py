"""Finding and opening the files that a reading names."""

from __future__ import annotations

import bz2
import codecs
import gzip
import importlib.util
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from emb_pipeline.text.errors import DataError
from emb_pipeline.text.readings import PlacedReading
from emb_pipeline.text.sources import fetch, iter_files, mirror_folder, sources

_WIDE = ("utf-16", "utf-32")  # a line break is more than one byte there, so lines cannot be split before decoding


@dataclass(frozen=True)
class NamedFile:
    """A file and the short name that ids and errors call it by."""

    path: Path
    name: str


def named_files(reading: PlacedReading, raw: Path, project: Path, *, glob: str | None = None) -> list[NamedFile]:
    """The files of a reading, sorted by name; a public source is fetched if it is not there yet.

    Parameters
    ----------
    reading : PlacedReading
        Says path, source or package, and perhaps a glob inside it.
    raw : Path
        Folder that sources are fetched to.
    project : Path
        Folder that paths are relative to.
    glob : str, optional
        Instead of the reading's own ``files``.

    Raises
    ------
    DataError
        Nothing is there, or nothing matches.
    """
    glob = glob if glob is not None else reading.files
    if reading.path is not None:
        return _own_files(reading.path, glob, project)
    if reading.source is not None:
        folder, remedy = _source_folder(reading.source, raw), "correct 'source'"
        place = f"source '{reading.source}'"
    else:
        assert reading.package is not None
        folder, remedy = _package_folder(reading.package), "correct 'files'"
        place = f"package '{reading.package}'"
        if glob is None:
            raise DataError(place, "no file in it is named", "say 'files: <path inside the package>'")
    if not folder.is_dir():
        raise DataError(place, f"its folder {folder} is missing", remedy)
    return _matching(folder, glob, place)


def _source_folder(source: str, raw: Path) -> Path:
    # A folder that somebody put among the raw data serves too, under any name that no public source bears.
    if source not in sources() and (raw / source).is_dir():
        return raw / source
    return fetch(source, raw, mirror=mirror_folder(), progress=True)


def _own_files(path: str, glob: str | None, project: Path) -> list[NamedFile]:
    start = project / path
    if start.is_file():
        if glob is not None and not start.match(glob):
            return _matching(start.parent, glob, path)
        return [NamedFile(start, path)]
    if start.is_dir():
        return _matching(start, glob, path)
    if any(mark in path for mark in "*?["):
        anchor = Path(start.anchor) if Path(path).is_absolute() else project
        pattern = str(Path(path).relative_to(anchor)) if Path(path).is_absolute() else path
        found = [
            NamedFile(file, file.relative_to(anchor).as_posix()) for file in sorted(anchor.glob(pattern)) if file.is_file()
        ]
        if found:
            return found
    raise DataError(path, f"there is no such file or folder in {project}", "correct 'path'; it is relative to the project")


def _matching(folder: Path, glob: str | None, place: str) -> list[NamedFile]:
    matching = None if glob is None else set(folder.glob(glob))
    files = [
        NamedFile(file, file.relative_to(folder).as_posix())
        for file in iter_files(folder)
        if matching is None or file in matching
    ]
    if not files:
        wanted = "it holds no file" if glob is None else f"none of its files matches '{glob}'"
        some = [file.relative_to(folder).as_posix() for file in iter_files(folder)][:5]
        raise DataError(place, wanted + (f" (it holds {', '.join(some)}, …)" if some else ""), "correct 'files' or 'path'")
    return files


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"package '{package}'", "is not installed", "install it, or use 'path:' for files of your own")
    return Path(next(iter(spec.submodule_search_locations)))


@contextmanager
def opened(file: NamedFile) -> Iterator[IO[bytes]]:
    """A file's content, unpacked if its suffix is .gz, .bz2 or .xz.

    Raises
    ------
    DataError
        The packed file is damaged.
    """
    openers = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    try:
        with openers.get(file.path.suffix, open)(file.path, "rb") as content:  # type: ignore[operator]
            yield content
    except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:
        raise DataError(
            file.name, f"the file cannot be read ({error or type(error).__name__})", "fetch or copy it anew"
        ) from error


def decoded(content: bytes, encoding: str, place: str) -> str:
    """Text of some bytes, without a byte order mark.

    Raises
    ------
    DataError
        The bytes are not text in that encoding; the error tells where.
    """
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise _undecodable(f"{place}, line {row}", error, error.start, encoding) from error
    except LookupError as error:
        raise DataError(place, f"there is no encoding '{encoding}'", "use utf-8, latin-1, cp1252, …") from error


def lines(file: NamedFile, encoding: str) -> Iterator[str]:
    """The lines of a text file, each with its line break, without a byte order mark.

    Raises
    ------
    DataError
        A line is not text in that encoding; the error tells which, and the byte.
    """
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        raise DataError(file.name, f"there is no encoding '{encoding}'", "use utf-8, latin-1, cp1252, …") from error
    with opened(file) as content:
        if name.startswith(_WIDE):
            yield from _wide_lines(file, content, encoding)
            return
        start = 0
        for number, line in enumerate(content, 1):
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError as error:
                raise _undecodable(f"{file.name}, row {number}", error, start + error.start, encoding) from error
            yield text.removeprefix("\ufeff") if number == 1 else text
            start += len(line)


def _wide_lines(file: NamedFile, content: IO[bytes], encoding: str) -> Iterator[str]:
    try:
        yield from io.TextIOWrapper(content, encoding=encoding, newline="")
    except UnicodeDecodeError as error:
        raise _undecodable(file.name, error, error.start, encoding) from error


def _undecodable(place: str, error: UnicodeDecodeError, offset: int, encoding: str) -> DataError:
    byte = error.object[error.start]
    return DataError(
        place,
        f"byte {offset:,} (0x{byte:02x}) is not valid {encoding.upper()}",
        "convert the file to UTF-8, or name its encoding: 'encoding: latin-1'",
    )
