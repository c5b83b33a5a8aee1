"""Word vectors that somebody else trained: word2vec's, GloVe's and fastText's file formats, and Arrow. No pickles.

A file is read for what its bytes are, whatever its name ends in: packed or not, with or without a header, values separated
by blanks or tabs, words with blanks in them. Its dimension is the number of values in its rows.
"""

from __future__ import annotations

import bz2
import gzip
import itertools
import logging
import lzma
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np

from emb_pipeline.embeddings.static.options import StaticFileOptions
from emb_pipeline.embeddings.static.word_vectors import WordVectors
from emb_pipeline.errors import DataError

MOST_LEFT_OUT = 0.1
"""Share of the rows that may be left out; a file with more bad rows is refused."""

_HEADER = re.compile(rb"\s*(\d+)\s+(\d+)\s*")
_BOM = b"\xef\xbb\xbf"
_LONGEST_WORD = 10_000
_LINES_LOOKED_AT = 100
_EXAMPLES = 3
_AGAIN = "fetch the file again"
_PACKED: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_FOREIGN = {
    b"PK\x03\x04": ("is a zip archive", "unpack it and name the file in it"),
    b"\x28\xb5\x2f\xfd": ("is packed with zstd", "unpack it: zstd -d"),
    b"\xba\x16\x4f\x2f": ("is a model of fastText's own", "give its vectors as text: the .vec file beside it"),
    b"\xff\xfe": ("is UTF-16", "store it as UTF-8: iconv -f UTF-16 -t UTF-8"),
    b"\xfe\xff": ("is UTF-16", "store it as UTF-8: iconv -f UTF-16 -t UTF-8"),
    b"\x80": ("is a pickle, which runs code when it is read", "export the vectors: KeyedVectors.save_word2vec_format(path)"),
    b"\x93NUMPY": ("is a NumPy array without words", "export the vectors: KeyedVectors.save_word2vec_format(path)"),
}
_ARROW = b"ARROW1"
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)


def load(options: StaticFileOptions) -> WordVectors:
    """Read word vectors from a file.

    These files give no word counts but list the commonest words first; where counts are asked for (pooling by idf or
    sif) Zipf's law stands in for them: the word of rank r is taken to be 1 / r as common as the first.

    A row with another number of values, a value that is no finite number, a word that is not UTF-8 or that an earlier row
    has is left out, counted and logged; with ``strict`` it is refused.

    Parameters
    ----------
    options : StaticFileOptions
        Path, format, and how many words to read.

    Returns
    -------
    WordVectors

    Raises
    ------
    DataError
        Naming file and row (of the words; a header is row 1): more than a tenth of the rows are bad, the packed or binary
        file ends too early, there is no word, or the file is something else.
    """
    path = options.path
    if not path.is_file():
        raise DataError(str(path), "no such file", "correct the path of the vectors")
    try:
        with _open_file(path) as file:
            form = _format_of(file, path, options.format)
            if form == "arrow":
                vectors = WordVectors.read(path)
                return vectors if options.limit is None else _first(vectors, options.limit)
            reading = _Reading(path, options.limit, options.strict)
            if form == "word2vec_binary":
                rows = _binary_rows(file, reading)
            else:
                rows = _text_rows(file, reading, header_required=form == "word2vec_text")
            tokens, matrix = _collect_rows(rows, reading)
    except _DAMAGED as error:
        raise DataError(str(path), f"is damaged or ends too early ({error})", _AGAIN) from error
    return WordVectors(
        tokens,
        zipf_counts(len(tokens)),
        matrix,
        {
            "method": "static_file",
            "file": path.name,
            "format": form,
            "dim": matrix.shape[1],
            "counts": "by rank (Zipf)",
            "left_out": dict(reading.left_out),
        },
    )


def zipf_counts(n_words: int) -> np.ndarray:
    """Counts that Zipf's law gives words in the order of their frequency: the last one counts 1.

    Returns
    -------
    ndarray of shape (n_words,), int64
    """
    return np.round(n_words / np.arange(1, n_words + 1)).astype(np.int64)


Row = tuple[int, bytes, np.ndarray]
Format = Literal["word2vec_text", "word2vec_binary", "glove_text", "arrow"]


@dataclass
class _Reading:
    """The settings that a file is read with, and the rows that were left out."""

    path: Path
    limit: int | None
    strict: bool
    left_out: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def leave_out(self, row: int, kind: str, reason: str) -> None:
        """Count a row that cannot be used; refuse it where all must be good."""
        if self.strict:
            raise DataError(f"{self.path}, row {row}", reason, "remove the row, or set strict: false to leave it out")
        self.left_out[kind] += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"row {row}: {reason}")

    def note(self, place: str, reason: str) -> None:
        """Log what a file says wrongly of itself; refuse it where all must be good."""
        if self.strict:
            raise DataError(place, reason, f"{_AGAIN}, or set strict: false to read what is there")
        logging.getLogger(__name__).warning("%s: %s", place, reason)

    def finish(self, n_words: int) -> None:
        """Log what was left out, or refuse the file."""
        n_bad = self.left_out.total()
        if not n_words or n_bad > max(1, MOST_LEFT_OUT * (n_words + n_bad)):
            if not n_bad:
                raise DataError(str(self.path), "holds no word", _AGAIN)
            place, _, reason = self.examples[0].partition(": ")
            raise DataError(
                f"{self.path}, {place}",
                f"{reason}; {n_bad:,} of {n_words + n_bad:,} rows cannot be used",
                "fetch the file again, or name the format that it is in",
            )
        if n_bad:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.left_out.items() if count)
            logging.getLogger(__name__).warning(
                "%s: %d of %d rows were left out (%s), for instance %s",
                *(self.path, n_bad, n_words + n_bad, kinds, "; ".join(self.examples)),
            )


def _open_file(path: Path) -> BinaryIO:
    """The file, unpacked where its first bytes say that it is packed."""
    with path.open("rb") as file:
        start = file.read(8)
    unpack = next((unpack for magic, unpack in _PACKED.items() if start.startswith(magic)), None)
    return cast(BinaryIO, path.open("rb") if unpack is None else unpack(path))


def _format_of(file: BinaryIO, path: Path, asked: str) -> Format:
    """The format that was asked for, or the one that the file's first bytes show."""
    start = file.read(1 << 16)
    file.seek(0)
    if not start.strip():
        raise DataError(f"{path}, row 1", "the file is empty or holds no word", _AGAIN)
    if asked == "arrow" or start.startswith(_ARROW):
        return "arrow"
    for magic, (what, remedy) in _FOREIGN.items():
        if start.startswith(magic):
            raise DataError(str(path), what, remedy)
    if asked != "auto":
        return cast(Format, asked)
    first, _, rest = start.removeprefix(_BOM).partition(b"\n")
    header = _HEADER.fullmatch(first)
    # A header, and no row of text behind it: the values are bytes.
    row = rest.lstrip().partition(b"\n")[0].split()
    is_text = not header or (len(row) > 1 and all(map(_is_number, row[-min(int(header[2]), len(row) - 1) :])))
    return "glove_text" if is_text else "word2vec_binary"


def _text_rows(file: BinaryIO, reading: _Reading, *, header_required: bool) -> Iterator[Row]:
    place = f"{reading.path}, row 1"
    first = file.readline().removeprefix(_BOM)
    header = _HEADER.fullmatch(first)
    if header_required and not header:
        raise DataError(place, "no header 'words dimensions'", "leave the format out, or choose glove_text")
    lines = file if header else itertools.chain([first], file)
    looked_at = list(itertools.islice(lines, _LINES_LOOKED_AT))
    found = Counter(len(line.split()) - 1 for line in looked_at if line.strip())
    dim = found.most_common(1)[0][0] if found else 0
    promised = int(header[1]) if header else None
    if header and found:
        stated = int(header[2])
        if found[stated] == found[dim]:
            dim = stated
        elif stated != dim:
            reading.note(place, f"the header says {stated} dimensions, the rows have {dim}")
    if dim < 1:
        hint = "separate word and values by blanks or tabs" if b"," in first else "choose the format that the file is in"
        raise DataError(place, "there are no values behind the word", hint)
    n_rows = 0
    for number, line in enumerate(itertools.chain(looked_at, lines), start=2 if header else 1):
        if not line.strip():
            continue
        n_rows += 1
        # From the right: some published files hold words with a blank in them.
        parts = line.rsplit(None, dim)
        if len(parts) <= dim or not parts[0].strip():
            found_values = len(line.split()) - 1
            reading.leave_out(number, "rows of another length", f"{found_values} values where {dim} belong")
            continue
        try:
            vector = np.array(parts[1:], dtype=np.float32)
        except ValueError:
            bad = next((value for value in parts[1:] if not _is_number(value)), b"").decode("utf-8", "replace")
            reading.leave_out(number, "rows with a value that is no number", f"{bad!r} is not a number")
            continue
        yield number, parts[0].strip(), vector
    if promised is not None and n_rows < promised:
        reading.note(str(reading.path), f"the file ends after {n_rows:,} of {promised:,} words")


def _is_number(value: bytes) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _binary_rows(file: BinaryIO, reading: _Reading) -> Iterator[Row]:
    header = _HEADER.fullmatch(file.readline(100).removeprefix(_BOM))
    if not header:
        raise DataError(
            f"{reading.path}, row 1",
            "no header 'words dimensions'",
            "name the file's own format, or leave it out",
        )
    promised, dim = int(header[1]), int(header[2])
    if dim < 1:
        raise DataError(f"{reading.path}, row 1", "the header promises vectors without a value", _AGAIN)
    for number in itertools.count(2):
        word = bytearray()
        while (byte := file.read(1)) != b" " and byte and len(word) < _LONGEST_WORD:
            word += byte
        if not byte and not word.strip():  # the end, or the last line's
            n_words = number - 2
            break
        values = file.read(4 * dim)
        if byte != b" " or len(values) < 4 * dim:
            raise DataError(
                f"{reading.path}, row {number}",
                f"the file ends or breaks off in word {number - 1:,} of {promised:,}",
                f"{_AGAIN}, or set limit: {number - 2} to read what is there" if number > 2 else _AGAIN,
            )
        yield number, bytes(word.lstrip(b"\r\n")), np.frombuffer(values, dtype="<f4")
    if n_words < promised:
        reading.note(str(reading.path), f"the file ends after {n_words:,} of {promised:,} words")


def _collect_rows(rows: Iterator[Row], reading: _Reading) -> tuple[list[str], np.ndarray]:
    places: dict[str, int] = {}
    vectors: list[np.ndarray] = []
    for number, word, vector in rows:
        try:
            token = word.decode("utf-8")
        except UnicodeDecodeError:
            reading.leave_out(number, "words that are not UTF-8", f"the word {word!r} is not valid UTF-8")
            continue
        if not token or token in places:
            before = f"{token!r} stands already in row {places[token]}" if token else "there is no word"
            reading.leave_out(number, "words that an earlier row has" if token else "rows without a word", before)
            continue
        if not np.isfinite(vector).all():
            reading.leave_out(number, "rows with a value that is not finite", f"a value of {token!r} is not finite")
            continue
        places[token] = number
        vectors.append(vector)
        if len(vectors) == reading.limit:
            break
    reading.finish(len(vectors))
    return list(places), np.stack(vectors).astype(np.float32, copy=False)


def _first(vectors: WordVectors, limit: int) -> WordVectors:
    return WordVectors(
        vectors.tokens[:limit], vectors.counts[:limit], vectors.vectors[:limit], vectors.provenance, vectors.subwords
    )
