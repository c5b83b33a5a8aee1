"""Word vectors that somebody else trained: word2vec's and GloVe's file formats, and Arrow. No pickles."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from emb_pipeline.embeddings.options import StaticFileOptions
from emb_pipeline.embeddings.word_vectors import WordVectors
from emb_pipeline.text.errors import DataError

_HEADER = re.compile(rb"\s*(\d+)\s+(\d+)\s*")
_LONGEST_WORD = 10_000


def load(options: StaticFileOptions) -> WordVectors:
    """Read word vectors from a file.

    These files give no word counts but list the commonest words first; where counts are asked for (pooling by idf or
    sif) Zipf's law stands in for them: the word of rank r is taken to be 1 / r as common as the first.

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
        Naming file and row (of the words; a header is row 1): a wrong number of values, a value that is no finite number,
        a file that ends too early, a word given twice, invalid UTF-8.
    """
    path = options.path
    if not path.is_file():
        raise DataError(str(path), "no such file", "correct the path of the vectors")
    if options.format == "arrow":
        vectors = WordVectors.read(path)
        return vectors if options.limit is None else _first(vectors, options.limit)
    with cast(BinaryIO, gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
        if options.format == "word2vec_binary":
            rows = _binary_rows(file, path, options.limit)
        else:
            rows = _text_rows(file, path, options.limit, header_required=options.format == "word2vec_text")
        tokens, matrix = _collected(rows, path)
    return WordVectors(
        tokens,
        zipf_counts(len(tokens)),
        matrix,
        {
            "method": "static_file",
            "file": path.name,
            "format": options.format,
            "dim": matrix.shape[1],
            "counts": "by rank (Zipf)",
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


def _text_rows(file: BinaryIO, path: Path, limit: int | None, *, header_required: bool) -> Iterator[Row]:
    first = file.readline()
    if not first.strip():
        raise DataError(f"{path}, row 1", "the file is empty or holds no word", "fetch the file again")
    header = _HEADER.fullmatch(first)
    promised = dim = None
    number = 1
    if header:
        promised, dim = int(header[1]), int(header[2])
    elif header_required:
        raise DataError(f"{path}, row 1", "no header 'words dimensions'", "choose format glove_text for a file without one")
    else:
        dim = len(first.split(b" ")) - 1
        yield 1, *_parsed(first, dim, f"{path}, row 1")
    n_words = number - bool(header)
    for number, line in enumerate(file, start=2):
        if n_words == limit:
            return
        if line.strip():
            yield number, *_parsed(line, dim, f"{path}, row {number}")
            n_words += 1
    if promised is not None and n_words < promised and n_words != limit:
        raise DataError(
            f"{path}, row {number}", f"the file ends after {n_words} of {promised} words", "fetch the file again"
        )


def _parsed(line: bytes, dim: int, place: str) -> tuple[bytes, np.ndarray]:
    # From the right: some published files hold words with a space in them.
    word, *values = line.rstrip(b" \r\n").rsplit(b" ", dim)
    if len(values) != dim or not word or dim < 1:
        found = len(line.split()) - 1
        raise DataError(place, f"{found} values where {dim} belong", "remove the row or fetch the file again")
    try:
        return word, np.array(values, dtype=np.float32)
    except ValueError as error:
        bad = next(value for value in values if not _is_number(value))
        raise DataError(
            place, f"{bad.decode('utf-8', 'replace')!r} is not a number", "remove the row or fetch the file again"
        ) from error


def _is_number(value: bytes) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _binary_rows(file: BinaryIO, path: Path, limit: int | None) -> Iterator[Row]:
    header = _HEADER.fullmatch(file.readline(100))
    if not header:
        raise DataError(f"{path}, row 1", "no header 'words dimensions'", "choose the format that the file is in")
    promised, dim = int(header[1]), int(header[2])
    if dim < 1:
        raise DataError(f"{path}, row 1", "the header promises vectors without a value", "fetch the file again")
    for number in range(2, min(promised, promised if limit is None else limit) + 2):
        word = bytearray()
        while (byte := file.read(1)) != b" " and byte and len(word) < _LONGEST_WORD:
            word += byte
        values = file.read(4 * dim)
        if byte != b" " or len(values) < 4 * dim:
            raise DataError(
                f"{path}, row {number}",
                f"the file ends or breaks off in word {number - 1} of {promised}",
                "fetch the file again",
            )
        yield number, bytes(word.lstrip(b"\n")), np.frombuffer(values, dtype="<f4")


def _collected(rows: Iterator[Row], path: Path) -> tuple[list[str], np.ndarray]:
    places: dict[str, int] = {}
    vectors: list[np.ndarray] = []
    for number, word, vector in rows:
        place = f"{path}, row {number}"
        try:
            token = word.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(place, f"the word {word!r} is not valid UTF-8", "store the file as UTF-8") from error
        if token in places:
            raise DataError(place, f"{token!r} stands already in row {places[token]}", "remove one of the two rows")
        if not np.isfinite(vector).all():
            raise DataError(place, f"a value of {token!r} is not finite", "remove the row or fetch the file again")
        places[token] = number
        vectors.append(vector)
    if not vectors:
        raise DataError(str(path), "holds no word", "fetch the file again")
    return list(places), np.stack(vectors).astype(np.float32, copy=False)


def _first(vectors: WordVectors, limit: int) -> WordVectors:
    return WordVectors(
        vectors.tokens[:limit], vectors.counts[:limit], vectors.vectors[:limit], vectors.provenance, vectors.subwords
    )
