"""A corpus as numbers: the token stream that trainers of word vectors read.

    tokens.txt, numbers of words ──► ids.arrow (Arrow IPC file, ``ids: list<int32>``) ──► IdStream (views of the mapped file)

A row is a line of ``tokens.txt``, an id the word's row in ``vocabulary.parquet``. Words are ranked by frequency there, so
one stream serves every ``min_count``: who knows the commonest n words passes over the ids from n on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.storage.sealed_files import add_seal, is_sealed, seal

TOKENS_PER_BATCH = 1 << 16
"""Tokens of a record batch, about: it ends where the nearest sentence ends."""

_BYTES_AT_A_TIME = 1 << 21
_BLANK, _LINE_END = ord(" "), ord("\n")
_REMEDY = "write it again with the ingest stage"


class IdBatch(NamedTuple):
    """Some consecutive sentences.

    Attributes
    ----------
    ids : ndarray of shape (n_tokens,), int32
        Their words, one sentence behind the other; read-only.
    ends : ndarray of shape (n_sentences + 1,), int32
        Sentence k is ``ids[ends[k] : ends[k + 1]]``; read-only.
    first_token : int
        Tokens of the corpus that are before this batch.
    """

    ids: np.ndarray
    ends: np.ndarray
    first_token: int


@dataclass(frozen=True, eq=False)
class IdStream:
    """All sentences of a corpus, mapped from disk.

    Attributes
    ----------
    batches : sequence of IdBatch
        In the order of the corpus. Their arrays are views of the file: a batch comes into memory as it is read.
    n_tokens : int
        Running words.
    n_types : int
        Different words; every id is below.
    """

    batches: Sequence[IdBatch]
    n_tokens: int
    n_types: int


def write_ids(tokens_path: Path, numbers: BinaryIO, id_of: np.ndarray, words: pa.ChunkedArray, path: Path) -> None:
    """Write the id stream of a LineSentence file, in constant memory but for the vocabulary.

    Parameters
    ----------
    tokens_path : Path
        One sentence per line, tokens separated by one space.
    numbers : file
        A number for each token, int32, in their order.
    id_of : ndarray of shape (n_words,), int32
        The id of each number.
    words : pa.ChunkedArray
        Strings, all that the file holds; a word's place is its id.
    path : Path
        Where the stream goes.

    Raises
    ------
    ValueError
        The file holds another word: a token that was written had white space within it, or none but white space.
    """
    schema = add_seal(pa.schema([("ids", pa.list_(pa.int32()))]))
    # Not compressed: only then is what is read the mapped file itself.
    with tokens_path.open("rb") as text, pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        while block := text.read(_BYTES_AT_A_TIME) + text.readline():
            ends = _find_line_ends(block)
            # A token has a separator behind it; one with white space inside has several.
            ids = id_of[np.frombuffer(numbers.read(4 * int(ends[-1])), dtype=np.int32)]
            if len(ids) < ends[-1]:
                other = _find_other_word(tokens_path, numbers, id_of, words)
                raise ValueError(f"{other!r} is no word of the corpus: a token held white space")
            for part, borders in _cut_into_batches(pa.array(ids), ends):
                rows = pa.ListArray.from_arrays(pa.array(borders, pa.int32()), part)
                writer.write_batch(pa.record_batch([rows], schema=schema))
    seal(path)


def open_ids(path: Path, *, n_tokens: int, n_sentences: int, n_types: int) -> IdStream:
    """Map an id stream and check all of it, so that what reads it need not.

    Parameters
    ----------
    path : Path
        A file that `write_ids` made.
    n_tokens, n_sentences, n_types : int
        Of the corpus that it belongs to.

    Raises
    ------
    DataError
        The file is missing, damaged, or not that of this corpus.
    """
    if not path.is_file():
        raise DataError(str(path), "is missing: the corpus has no token stream", _REMEDY)
    is_sealed(path, _REMEDY)
    batches: list[IdBatch] = []
    seen_tokens = seen_sentences = 0
    try:
        for number, rows in enumerate(_read_columns(path)):
            ids, ends = _check_rows(rows, f"{path}, batch {number}", n_types)
            batches.append(IdBatch(ids, ends, seen_tokens))
            seen_tokens += len(ids)
            seen_sentences += len(rows)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        place = f"{path}, batch {len(batches)}" if batches else str(path)
        raise DataError(place, f"is no Arrow file, or a damaged one ({error})", _REMEDY) from error
    if (seen_tokens, seen_sentences) != (n_tokens, n_sentences):
        raise DataError(
            str(path),
            f"holds {seen_tokens:,} tokens in {seen_sentences:,} sentences, the corpus {n_tokens:,} in {n_sentences:,}",
            _REMEDY,
        )
    return IdStream(tuple(batches), n_tokens, n_types)


def _find_line_ends(block: bytes) -> np.ndarray:
    """Find where each of some whole lines ends among their tokens."""
    text = np.frombuffer(block, np.uint8)
    separators = text[(text == _BLANK) | (text == _LINE_END)]
    return np.flatnonzero(separators == _LINE_END) + 1


def _find_other_word(tokens_path: Path, numbers: BinaryIO, id_of: np.ndarray, words: pa.ChunkedArray) -> str:
    """Find the first word of the text that is not the token of its place."""
    numbers.seek(0)
    ids = id_of[np.frombuffer(numbers.read(), dtype=np.int32)].tolist()
    found = (word for line in tokens_path.open(encoding="utf-8", newline="\n") for word in line[:-1].split(" "))
    return next(word for word, each in zip_longest(found, ids) if each is None or word != words[each].as_py())


def _cut_into_batches(ids: pa.Array, line_ends: np.ndarray) -> Iterator[tuple[pa.Array, np.ndarray]]:
    """Equal parts of about `TOKENS_PER_BATCH` tokens, in whole sentences."""
    n_parts = max(1, round(len(ids) / TOKENS_PER_BATCH))
    targets = len(ids) * np.arange(1, n_parts) // n_parts
    cuts = np.unique([0, *np.searchsorted(line_ends, targets), len(line_ends)])
    ends = np.concatenate([[0], line_ends])
    for first, last in pairwise(cuts):
        start, end = int(ends[first]), int(ends[last])
        yield ids[start:end], ends[first : last + 1] - start


def _read_columns(path: Path) -> Iterator[pa.ListArray]:
    with pa.memory_map(str(path)) as source:
        reader = pa.ipc.open_file(source)
        fields = {field.name: field.type for field in reader.schema}
        if list(fields) != ["ids"] or not pa.types.is_list(fields["ids"]) or fields["ids"].value_type != pa.int32():
            stated = ", ".join(f"{name}: {type_}" for name, type_ in fields.items()) or "none"
            raise DataError(str(path), f"must have one column ids: list<int32>, and has {stated}", _REMEDY)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number)
            batch.validate(full=True)
            yield batch.column(0)


def _check_rows(rows: pa.ListArray, place: str, n_types: int) -> tuple[np.ndarray, np.ndarray]:
    """Check a batch: its ids and sentence ends, as views of its memory."""
    if rows.null_count or rows.values.null_count:
        raise DataError(place, "has a null among its sentences or ids", _REMEDY)
    ends = rows.offsets.to_numpy()
    if (backwards := np.flatnonzero(ends[1:] < ends[:-1])).size or ends[0] < 0 or ends[-1] > len(rows.values):
        row = int(backwards[0]) if backwards.size else 0
        raise DataError(f"{place}, row {row}", "has sentence borders that do not ascend within its ids", _REMEDY)
    ids = rows.values.to_numpy()[ends[0] : ends[-1]]
    if ends[0]:
        ends = ends - ends[0]
        ends.flags.writeable = False
    if ids.size and (ids.min() < 0 or ids.max() >= n_types):
        at = int(np.flatnonzero((ids < 0) | (ids >= n_types))[0])
        row = int(np.searchsorted(ends, at, side="right")) - 1
        raise DataError(f"{place}, row {row}", f"has the id {ids[at]}, which is none of {n_types:,} words", _REMEDY)
    return ids, ends
