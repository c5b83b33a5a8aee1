"""The text of a file: decoded whole, or line by line."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from functools import partial
from typing import IO

from emb_pipeline.errors import DataError
from emb_pipeline.readers.bad_rows import BadRows
from emb_pipeline.readers.files.content import open_content
from emb_pipeline.readers.files.limits import largest_line, too_large
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.files.signatures import HEAD, recognize_wide_encoding

ENCODING_REMEDY = "convert the file to UTF-8, or name its encoding: 'encoding: latin-1' (cp1252 where Windows wrote it)"
"""For places whose source has an option ``encoding``."""
_WIDE = ("utf-16", "utf-32")  # a line break is more than one byte there, so lines cannot be split before decoding


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
        raise _explain_bytes(f"{place}, line {row}", error, start, encoding, remedy) from error


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
                undecodable = _explain_bytes(f"{file.name}, row {number}", error, offset, encoding, ENCODING_REMEDY)
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
        raise _explain_bytes(file.name, error, getattr(error, "start", 0), encoding, ENCODING_REMEDY) from error


def _require_encoding(encoding: str, place: str) -> str:
    """Find the codec's own name."""
    try:
        codec = codecs.lookup(encoding)
    except (LookupError, ValueError) as error:
        raise DataError(place, f"there is no encoding '{encoding}'", "use utf-8, latin-1, cp1252, …") from error
    if not codec._is_text_encoding:
        raise DataError(place, f"'{encoding}' is no encoding of text", "use utf-8, latin-1, cp1252, …")
    return codec.name


def _require_width(head: bytes, encoding: str, place: str, remedy: str) -> None:
    """Refuse UTF-16 that is read as bytes of one letter each, the reverse, and what is no text at all."""
    wide = recognize_wide_encoding(head)
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


def _explain_bytes(place: str, error: UnicodeError, offset: int, encoding: str, remedy: str) -> DataError:
    if not isinstance(error, UnicodeDecodeError):
        return DataError(place, f"it is not valid {encoding.upper()} ({error})", remedy)
    byte = error.object[error.start]
    return DataError(place, f"byte {offset:,} (0x{byte:02x}) is not valid {encoding.upper()}", remedy)
