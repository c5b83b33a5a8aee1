"""The content of a file, unpacked, and refused where it is no text."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files.limits import largest_unpacked, largest_whole, too_large
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.files.signatures import HEAD, PACKED, recognize


@contextmanager
def open_content(file: NamedFile) -> Iterator[IO[bytes]]:
    """Open a file's content, unpacked if it is gzip, bzip2, xz or zstd.

    Raises
    ------
    DataError
        The packed file is damaged, or unpacks to more than `emb_pipeline.readers.files.limits` allows, or the content is
        another format: a zip archive, a workbook, Parquet.
    """
    try:
        with file.path.open("rb") as packed, _unpack(file, packed) as content:
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
def _unpack(file: NamedFile, packed: IO[bytes]) -> Iterator[IO[bytes]]:
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
