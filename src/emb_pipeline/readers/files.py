"""Finding and opening the files that a source names."""

from __future__ import annotations

import bz2
import codecs
import glob as globbing
import gzip
import importlib.util
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial, wraps
from itertools import islice
from pathlib import Path
from typing import IO, Any, ParamSpec, TypeVar, cast

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.downloads import fetch, is_fetched, mirror_folder
from emb_pipeline.readers.limits import largest_line, largest_unpacked, largest_whole, too_large
from emb_pipeline.readers.options import PlacedSource
from emb_pipeline.readers.public_sources import public_sources
from emb_pipeline.readers.signatures import HEAD, PACKED, recognize, wide_encoding

ENCODING_REMEDY = "convert the file to UTF-8, or name its encoding: 'encoding: latin-1' (cp1252 where Windows wrote it)"
"""For places whose source has an option ``encoding``."""
_WIDE = ("utf-16", "utf-32")  # a line break is more than one byte there, so lines cannot be split before decoding


_FIRST_ROWS: ContextVar[int | None] = ContextVar("first_rows", default=None)
_Made = ParamSpec("_Made")
_Item = TypeVar("_Item")


@contextmanager
def first_rows(n_rows: int) -> Iterator[None]:
    """Read only the first rows of every file, and only files that are there: public sources are not fetched."""
    token = _FIRST_ROWS.set(n_rows)
    try:
        yield
    finally:
        _FIRST_ROWS.reset(token)


def per_file(read: Callable[_Made, Iterator[_Item]]) -> Callable[_Made, Iterator[_Item]]:
    """Let a function that streams the rows of one file stop where `first_rows` says."""

    @wraps(read)
    def limited(*args: _Made.args, **kwargs: _Made.kwargs) -> Iterator[_Item]:
        return islice(read(*args, **kwargs), _FIRST_ROWS.get())

    return limited


@dataclass(frozen=True)
class NamedFile:
    """A file and the short name that ids and errors call it by."""

    path: Path
    name: str


def named_files(source: PlacedSource, raw: Path, project: Path, *, glob: str | None = None) -> list[NamedFile]:
    """The files of a source, sorted by name; a public source is fetched if it is not there yet.

    Parameters
    ----------
    source : PlacedSource
        Says path, download or package, and perhaps a glob inside it.
    raw : Path
        Folder that sources are fetched to.
    project : Path
        Folder that paths are relative to.
    glob : str, optional
        Instead of the source's own ``files``.

    Raises
    ------
    DataError
        Nothing is there, or nothing matches.
    """
    glob = glob if glob is not None else source.files
    if source.path is not None:
        return _own_files(source.path, glob, project)
    if source.download is not None:
        if _FIRST_ROWS.get() is not None and not _is_here(source.download, raw):
            return []
        folder, remedy = _source_folder(source.download, raw), "correct 'download'"
        place = f"source '{source.download}'"
    else:
        assert source.package is not None
        folder, remedy = _package_folder(source.package), "correct 'files'"
        place = f"package '{source.package}'"
        if glob is None:
            raise DataError(place, "no file in it is named", "say 'files: <path inside the package>'")
    if not folder.is_dir():
        raise DataError(place, f"its folder {folder} is missing", remedy)
    return _matching(folder, glob, place)


def only_file(source: PlacedSource, raw: Path, project: Path, glob: str) -> NamedFile:
    """Find the one file of a source that matches a glob.

    Raises
    ------
    DataError
        None does, or several.
    """
    files = named_files(source, raw, project, glob=glob)
    if len(files) != 1:
        raise DataError(f"'{glob}'", f"matches {len(files)} files, not one", "name the file more closely")
    return files[0]


def files_there(source: PlacedSource, raw: Path, project: Path, globs: Iterable[str | None]) -> list[Path]:
    """The files of a source that are there, for each glob; none of a public source, which is checked when it is read."""
    if source.download in public_sources():
        return []
    found: dict[Path, None] = {}
    for glob in globs:
        try:
            found.update(dict.fromkeys(file.path for file in named_files(source, raw, project, glob=glob)))
        except DataError:
            continue  # refused where it is read
    return list(found)


def _source_folder(source: str, raw: Path) -> Path:
    # A folder that somebody put among the raw data serves too, under any name that no public source bears.
    if source not in public_sources() and (raw / source).is_dir():
        return raw / source
    return fetch(source, raw, mirror=mirror_folder(), progress=True)


def _is_here(source: str, raw: Path) -> bool:
    # One that is unknown is refused where it is looked for.
    return source not in public_sources() or is_fetched(source, raw)


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
    if start.is_symlink():
        raise DataError(path, f"is a link to {os.readlink(start)}, which is not there", "correct the link, or 'path'")
    raise DataError(path, f"there is no such file or folder in {project}", "correct 'path'; it is relative to the project")


def _matching(folder: Path, glob: str | None, place: str) -> list[NamedFile]:
    # pathlib's own glob follows no link to a folder.
    matching = (
        None
        if glob is None
        else {folder / name for name in globbing.glob(glob, root_dir=folder, recursive=True, include_hidden=True)}
    )
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


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"package '{package}'", "is not installed", "install it, or use 'path:' for files of your own")
    return Path(next(iter(spec.submodule_search_locations)))


@contextmanager
def open_content(file: NamedFile) -> Iterator[IO[bytes]]:
    """Open a file's content, unpacked if it is gzip, bzip2, xz or zstd.

    Raises
    ------
    DataError
        The packed file is damaged, or unpacks to more than `emb_pipeline.readers.limits` allows, or the content is another
        format: a zip archive, a workbook, Parquet.
    """
    try:
        with file.path.open("rb") as packed, _unpacked(file, packed) as content:
            _require_readable(file, content)
            yield content
    except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:
        raise DataError(
            file.name, f"the file cannot be read ({error or type(error).__name__})", "fetch or copy it again"
        ) from error


def read_content(file: NamedFile) -> bytes:
    """Read all of a file at once.

    Raises
    ------
    DataError
        As for `open_content`, or the content is too large to be one text.
    """
    limit, found = largest_whole(), io.BytesIO()
    with open_content(file) as content:
        while chunk := content.read(_CHUNK):  # read(limit) would take that much memory for the smallest file
            found.write(chunk)
            if found.tell() > limit:
                raise too_large(file.name, "its content", limit)
    return found.getvalue()


@contextmanager
def _unpacked(file: NamedFile, packed: IO[bytes]) -> Iterator[IO[bytes]]:
    head = packed.read(HEAD)
    packed.seek(0)
    suffix = next((suffix for suffix, first in PACKED.items() if head.startswith(first)), None)
    claimed = file.path.suffix
    if claimed in PACKED and suffix != claimed and head:
        is_text = recognize(head) is None and 0 not in head and suffix is None
        what = "plain text" if is_text else f"{suffix[1:]} data" if suffix else "damaged, or something else"
        remedy = f"rename it to end on '{suffix or ''}'" if is_text or suffix else "fetch or copy it again"
        if is_text:
            remedy = f"rename it: leave '{claimed}' out of its name"
        raise DataError(file.name, f"its suffix says {claimed[1:]}, and its content is {what}", remedy)
    if suffix is None or not head:
        yield packed
        return
    size = os.fstat(packed.fileno()).st_size
    with _UNPACK[suffix](packed) as content, io.BufferedReader(_Limited(content, file.name, size), _CHUNK) as limited:
        yield cast(IO[bytes], limited)


def _zstd(packed: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(packed, mode="r"), "zstd")


_CHUNK = 1 << 16
_UNPACK: dict[str, Callable[[IO[bytes]], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": _zstd}


class _Limited(io.RawIOBase):
    """Unpacked content that ends with an error where it exceeds its limit."""

    def __init__(self, content: Any, name: str, packed_size: int) -> None:
        self._content, self._name, self._packed_size = content, name, packed_size
        self._limit = largest_unpacked(packed_size)
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; see io.RawIOBase."""
        chunk = self._content.read(len(buffer))
        self._read += len(chunk)
        if self._read > self._limit:
            raise too_large(self._name, f"what its {self._packed_size:,} bytes unpack to", self._limit)
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _require_readable(file: NamedFile, content: IO[bytes]) -> None:
    head = content.peek(HEAD)[:HEAD]  # type: ignore[attr-defined]
    tail = b""
    if head.startswith(b"PK") and file.path.suffix not in PACKED:
        with file.path.open("rb") as again:
            again.seek(-min(file.path.stat().st_size, 1 << 16), io.SEEK_END)
            tail = again.read()
    found = recognize(head, tail)
    if found is not None:
        raise DataError(file.name, f"it is {found.what}", found.remedy)


def decode_text(content: bytes, encoding: str, place: str, remedy: str = ENCODING_REMEDY) -> str:
    """Decode some bytes to text, without a byte order mark.

    Raises
    ------
    DataError
        The bytes are not text in that encoding; the error tells where, and the remedy how to name another.
    """
    _require_encoding(encoding, place)
    _require_width(content[:HEAD], encoding, place, remedy)
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        start = getattr(error, "start", 0)
        row = content.count(b"\n", 0, start) + 1
        raise _undecodable(f"{place}, line {row}", error, start, encoding, remedy) from error


def lines(file: NamedFile, encoding: str, bad: BadRows | None = None) -> Iterator[str]:
    """Stream the lines of a text file, each with its line break, without a byte order mark.

    Parameters
    ----------
    file : NamedFile
        The file.
    encoding : str
        Of its text.
    bad : BadRows, optional
        Takes lines that are not text in that encoding; such a line comes with replacement characters, so that those after
        it keep their numbers. Its row is not to be used.

    Raises
    ------
    DataError
        A line is not text in that encoding; the error tells which, and the byte.
    """
    name = _require_encoding(encoding, file.name)
    limit = largest_line()
    with open_content(file) as content:
        _require_width(content.peek(HEAD)[:HEAD], encoding, file.name, ENCODING_REMEDY)  # type: ignore[attr-defined]
        if name.startswith(_WIDE):
            yield from _wide_lines(file, content, encoding)
            return
        start = 0
        for number, line in enumerate(iter(partial(content.readline, limit + 1), b""), 1):
            if len(line) > limit:
                raise too_large(f"{file.name}, row {number}", "the line", limit)
            try:
                text = line.decode(encoding)
            except UnicodeError as error:
                offset = start + getattr(error, "start", 0)
                undecodable = _undecodable(f"{file.name}, row {number}", error, offset, encoding, ENCODING_REMEDY)
                if bad is None:
                    raise undecodable from error
                bad.take(undecodable)
                text = line.decode(encoding, errors="replace")
            yield text.removeprefix("\ufeff") if number == 1 else text
            start += len(line)


def _wide_lines(file: NamedFile, content: IO[bytes], encoding: str) -> Iterator[str]:
    try:
        yield from io.TextIOWrapper(content, encoding=encoding, newline="")
    except UnicodeError as error:
        raise _undecodable(file.name, error, getattr(error, "start", 0), encoding, ENCODING_REMEDY) from error


def _require_encoding(encoding: str, place: str) -> str:
    """The codec's own name."""
    try:
        codec = codecs.lookup(encoding)
    except (LookupError, ValueError) as error:
        raise DataError(place, f"there is no encoding '{encoding}'", "use utf-8, latin-1, cp1252, …") from error
    if not codec._is_text_encoding:
        raise DataError(place, f"'{encoding}' is no encoding of text", "use utf-8, latin-1, cp1252, …")
    return codec.name


def _require_width(head: bytes, encoding: str, place: str, remedy: str) -> None:
    """Refuse UTF-16 that is read as bytes of one letter each, the reverse, and what is no text at all."""
    wide = wide_encoding(head)
    is_wide = codecs.lookup(encoding).name.startswith(_WIDE)
    if wide is not None and not is_wide:
        named = f"say 'encoding: {wide}', or convert the file to UTF-8" if remedy == ENCODING_REMEDY else remedy
        raise DataError(place, f"it is {wide.upper()}, not {encoding.upper()}", named)
    if is_wide and wide is None and head and 0 not in head and _is_utf8(head):
        raise DataError(place, f"it is UTF-8, not {encoding.upper()}", "leave 'encoding' out")
    if not is_wide and head.count(0) > 0.1 * len(head):
        raise DataError(place, "it holds zero bytes: it is no text", "name a text file, or fetch the file again")


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _undecodable(place: str, error: UnicodeError, offset: int, encoding: str, remedy: str) -> DataError:
    if not isinstance(error, UnicodeDecodeError):
        return DataError(place, f"it is not valid {encoding.upper()} ({error})", remedy)
    byte = error.object[error.start]
    return DataError(place, f"byte {offset:,} (0x{byte:02x}) is not valid {encoding.upper()}", remedy)
