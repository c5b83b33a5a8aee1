"""The name of a file's format, from its first bytes: for messages about files that are not the text they should be."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

HEAD = 4096
"""Bytes to look at."""


class Content(NamedTuple):
    """The kind of a file, in words, and the way to make it readable."""

    what: str
    remedy: str


PACKED = {".gz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ\x00", ".zst": b"\x28\xb5\x2f\xfd"}
"""First bytes of compressed files, by suffix: these are unpacked while they are read."""

_UNPACK = "unpack it, and name the file inside"
_CSV = "save the table as CSV (UTF-8), or as Parquet"
_TEXT = "save its text as plain text (UTF-8)"
_SIGNATURES: tuple[tuple[bytes, Content], ...] = (
    (b"PAR1", Content("a Parquet file", "say 'reader: parquet' (or rename it to .parquet where the suffix decides)")),
    (b"ARROW1", Content("an Arrow or Feather file", "write it as Parquet")),
    (b"ORC", Content("an ORC file", "write it as Parquet")),
    (b"Obj\x01", Content("an Avro file", "write it as Parquet")),
    (b"\x89HDF", Content("an HDF5 file", "write it as Parquet")),
    (b"\x93NUMPY", Content("a NumPy array", "write it as Parquet")),
    (b"SQLite format 3", Content("an SQLite database", _CSV)),
    (b"\xd0\xcf\x11\xe0", Content("an old Excel or Word file", "save it as CSV (UTF-8) or as plain text")),
    (b"%PDF", Content("a PDF file", _TEXT)),
    (b"{\\rtf", Content("an RTF document", _TEXT)),
    (b"7z\xbc\xaf\x27\x1c", Content("a 7z archive", _UNPACK)),
    (b"Rar!", Content("a RAR archive", _UNPACK)),
    (b"version https://git-lfs", Content("a Git LFS pointer, not the file itself", "run 'git lfs pull'")),
    *((b"\x80" + bytes([n]), Content("a Python pickle, which is never loaded", "write it as Parquet")) for n in range(2, 6)),
)
_OFFICE = (
    (b"xl/", Content("an Excel workbook (.xlsx)", _CSV)),
    (b"word/", Content("a Word document (.docx)", _TEXT)),
    (b"mimetypeapplication/vnd.oasis", Content("an OpenDocument file", "save it as CSV (UTF-8) or as plain text")),
)
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def recognize(head: bytes, tail: bytes = b"") -> Content | None:
    """Tell what a file is that no reader of text can read; None for anything that may be text.

    Parameters
    ----------
    head, tail : bytes
        The first and the last bytes of a file. A zip archive lists its members at the end.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        for name, content in _OFFICE:
            if name in head or name in tail:
                return content
        return Content("a zip archive", _UNPACK)
    if head[257:262] == b"ustar":
        return Content("a tar archive", _UNPACK)
    return next((content for signature, content in _SIGNATURES if head.startswith(signature)), None)


def recognize_wide_encoding(head: bytes) -> str | None:
    """Guess UTF-16 or UTF-32 from a byte order mark, or from the zero bytes of letters; None for any other text.

    Examples
    --------
    >>> recognize_wide_encoding("text".encode("utf-16-le")), recognize_wide_encoding(b"text")
    ('utf-16-le', None)
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    for encoding, width, places in (("utf-32-le", 4, (1, 2, 3)), ("utf-32-be", 4, (0, 1, 2))):
        if len(head) >= 2 * width and all(_is_mostly_zero(head[place::width]) for place in places):
            return encoding if not _is_mostly_zero(head[(6 - sum(places)) :: width]) else None
    even, odd = (_is_mostly_zero(head[start::2]) for start in (0, 1))
    if even == odd:
        return None
    return "utf-16-be" if even else "utf-16-le"


def _is_mostly_zero(part: bytes) -> bool:
    return len(part) > 1 and part.count(0) > 0.4 * len(part)


def recognize_file(path: Path) -> Content | None:
    """Recognize the content of a file by its first bytes."""
    with path.open("rb") as content:
        return recognize(content.read(HEAD))
