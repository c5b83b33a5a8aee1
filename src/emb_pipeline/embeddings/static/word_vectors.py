"""Word vectors at rest and in memory: an Arrow file, mapped and not copied."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, Self, cast

import numpy as np
import pyarrow as pa

from emb_pipeline.errors import DataError
from emb_pipeline.storage.atomic import write_atomically
from emb_pipeline.storage.matrices import make_matrix_column, read_matrix_column
from emb_pipeline.storage.sealed_files import map_arrow, write_arrow
from emb_pipeline.text.words import fold

_REMEDY = "train or export the vectors again"
_ROWS_AT_A_TIME = 1 << 14
_LONGEST_NGRAM = 100


@dataclass(frozen=True, eq=False)
class Subwords:
    """Character n-gram vectors, from which an unknown word gets its vector (Bojanowski et al. 2017).

    Attributes
    ----------
    min_n, max_n : int
        Characters of the shortest and of the longest n-gram of ``<word>``.
    n_buckets : int
        Range of the n-gram hash, as gensim and fastText compute it.
    buckets : ndarray of shape (n_used,), int32
        The buckets that some word of the corpus uses, ascending. All others have no vector.
    vectors : ndarray of shape (n_used, dim), float32
        The vector of each of them.
    """

    min_n: int
    max_n: int
    n_buckets: int
    buckets: np.ndarray
    vectors: np.ndarray

    def vector(self, token: str) -> np.ndarray | None:
        """Mean of the token's n-gram vectors; None if the corpus holds none of its n-grams.

        N-grams whose bucket no corpus word uses are still random numbers in the trained model, so here they count as zeros.
        """
        from gensim.models.fasttext import ft_ngram_hashes  # a second of imports that other methods can do without

        hashes = np.asarray(ft_ngram_hashes(token, self.min_n, self.max_n, self.n_buckets), dtype=np.int64)
        if not len(self.buckets):
            return None
        rows = np.searchsorted(self.buckets, hashes)
        rows[rows == len(self.buckets)] = 0
        used = rows[self.buckets[rows] == hashes]
        if not len(used):
            return None
        mean: np.ndarray = self.vectors[used].sum(axis=0) / np.float32(len(hashes))
        return mean


@dataclass(frozen=True, eq=False)
class WordVectors:
    """One vector per word of a vocabulary.

    Attributes
    ----------
    tokens : sequence of str
        The words, commonest first, without repetition.
    counts : ndarray of shape (n_tokens,), int64
        How often each occurs in the corpus.
    vectors : ndarray of shape (n_tokens, dim), float32
        Their vectors.
    provenance : mapping
        Where they come from: method, options, seed, corpus fingerprint, versions, seconds. JSON values only.
    subwords : Subwords or None
        N-gram vectors for words outside the vocabulary (FastText).
    path : Path or None
        The file that they were read from; None for those that are made in memory, from others too.
    """

    tokens: Sequence[str]
    counts: np.ndarray
    vectors: np.ndarray
    provenance: Mapping[str, Any] = field(default_factory=dict)
    subwords: Subwords | None = None
    path: Path | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or not len(self.tokens) == len(self.counts) == len(self.vectors):
            raise ValueError(
                f"{len(self.tokens)} tokens and {len(self.counts)} counts do not go with vectors of shape "
                f"{self.vectors.shape}"
            )
        if self.vectors.dtype != np.float32 or self.counts.dtype != np.int64:
            raise ValueError(f"vectors must be float32 and counts int64, not {self.vectors.dtype} and {self.counts.dtype}")

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.index

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return int(self.vectors.shape[1])

    @cached_property
    def index(self) -> dict[str, int]:
        """Row of each token, and of its case-folded spelling where that is no token of its own.

        Text is case-folded: of several spellings that fold alike (``US``, ``Us``) the most frequent one counts, the first
        among equals.
        """
        rows: dict[str, int] = {}
        for row, token in enumerate(self.tokens):
            rows.setdefault(token, row)
        folded: dict[str, int] = {}
        for row, token in enumerate(self.tokens):
            spelling = fold(token)
            if spelling not in rows and self.counts[row] > self.counts[folded.setdefault(spelling, row)]:
                folded[spelling] = row
        return rows | folded

    @cached_property
    def total_count(self) -> int:
        """Words of the corpus that have a vector, repetitions included."""
        return int(self.counts.sum())

    def lookup(self, tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Vectors and corpus counts of some tokens.

        Returns
        -------
        vectors : ndarray of shape (n_tokens, dim), float32
            Zeros for a token without a vector.
        counts : ndarray of shape (n_tokens,), int64
            0 for a token without a vector; 1 for an unknown token whose vector comes from its subwords.
        """
        rows = np.fromiter((self.index.get(token, -1) for token in tokens), dtype=np.int64, count=len(tokens))
        known = rows >= 0
        vectors = np.zeros((len(tokens), self.dim), dtype=np.float32)
        counts = np.zeros(len(tokens), dtype=np.int64)
        vectors[known] = self.vectors[rows[known]]
        counts[known] = np.maximum(self.counts[rows[known]], 1)
        if self.subwords is not None:
            for at in np.flatnonzero(~known).tolist():
                vector = self.subwords.vector(tokens[at])
                if vector is not None:
                    vectors[at], counts[at] = vector, 1
        return vectors, counts

    def write(self, path: Path | str) -> None:
        """Write an Arrow IPC file ``token, count, vector``; n-gram vectors go to ``<stem>.subwords.arrow`` next to it.

        Each file appears whole or not at all, the main one last.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"provenance": dict(self.provenance)}
        if self.subwords is not None:
            part = self.subwords
            metadata["subwords"] = {"min_n": part.min_n, "max_n": part.max_n, "n_buckets": part.n_buckets}
            _write_table(
                _subwords_path(path),
                {"bucket": pa.array(part.buckets, pa.int32()), "vector": make_matrix_column(part.vectors)},
            )
        else:
            _subwords_path(path).unlink(missing_ok=True)
        _write_table(
            path,
            {
                "token": pa.array(list(self.tokens), pa.string()),
                "count": pa.array(self.counts, pa.int64()),
                "vector": make_matrix_column(self.vectors),
            },
            metadata,
        )

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """Map a file that :meth:`write` made; the vectors stay on disk until they are used.

        Raises
        ------
        DataError
            The file is no Arrow file or a damaged one, its columns are not ``token, count, vector``, or a value is null or
            not finite.
        """
        path = Path(path)
        table = _map_table(path, "token", "count", "vector")
        vectors = _finite_matrix(table["vector"], path)
        metadata = _metadata(table, path)
        subwords = (
            _read_subwords(_subwords_path(path), metadata["subwords"], vectors.shape[1]) if "subwords" in metadata else None
        )
        counts = _numbers(table["count"], pa.int64(), path)
        if len(counts) and counts.min() < 0:
            raise DataError(str(path), f"a count is {counts.min()}", _REMEDY)
        made = cls(table["token"].to_pylist(), counts, vectors, metadata.get("provenance", {}), subwords)
        object.__setattr__(made, "path", path)
        return made


def name_subwords(name: str) -> str:
    """Name the file of n-gram vectors that belongs to a file of word vectors."""
    return f"{PurePath(name).stem}.subwords.arrow"


def _subwords_path(path: Path) -> Path:
    return path.with_name(name_subwords(path.name))


def _write_table(path: Path, columns: Mapping[str, pa.Array], metadata: Mapping[str, Any] | None = None) -> None:
    batch = pa.record_batch(dict(columns))
    if metadata is not None:
        batch = batch.replace_schema_metadata({b"emb_pipeline": json.dumps(metadata, ensure_ascii=False).encode()})
    with write_atomically(path) as part:
        write_arrow(batch, part)


def _map_table(path: Path, *columns: str) -> pa.Table:
    table = map_arrow(path, columns=columns, remedy=_REMEDY)
    types = {name: table.schema.field(name).type for name in columns}
    if not pa.types.is_fixed_size_list(types["vector"]) or not pa.types.is_float32(types["vector"].value_type):
        raise DataError(str(path), f"vector is a {types['vector']}", "store it as fixed_size_list<float32>[dim]")
    if types["vector"].list_size < 1:
        raise DataError(str(path), "its vectors have no dimension", _REMEDY)
    if "token" in types and not (pa.types.is_string(types["token"]) or pa.types.is_large_string(types["token"])):
        raise DataError(str(path), f"token is a {types['token']}", "store it as string")
    if nulls := [name for name in columns if table[name].null_count]:
        raise DataError(str(path), f"{nulls[0]} holds a null", "store a value in each row")
    return table


def _finite_matrix(column: pa.ChunkedArray, path: Path) -> np.ndarray:
    if column.combine_chunks().flatten().null_count:
        raise DataError(str(path), "a vector holds a null", _REMEDY)
    matrix = read_matrix_column(column)
    for start in range(0, len(matrix), _ROWS_AT_A_TIME):
        bad = ~np.isfinite(matrix[start : start + _ROWS_AT_A_TIME]).all(axis=1)
        if bad.any():
            raise DataError(f"{path}, row {start + int(bad.argmax()) + 1}", "a value is not finite", _REMEDY)
    return matrix


def _numbers(column: pa.ChunkedArray, type_: pa.DataType, path: Path) -> np.ndarray:
    try:
        numbers: np.ndarray = column.cast(type_).to_numpy()
    except pa.ArrowException as error:
        raise DataError(str(path), f"a column of numbers is a {column.type} ({error})", f"store it as {type_}") from error
    return numbers


def _metadata(table: pa.Table, path: Path) -> dict[str, Any]:
    try:
        metadata = json.loads((table.schema.metadata or {}).get(b"emb_pipeline", b"{}"))
        if not isinstance(metadata.get("provenance", {}), dict):
            raise TypeError("provenance is no mapping")
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DataError(str(path), f"the metadata emb_pipeline cannot be read ({error})", _REMEDY) from error
    return cast(dict[str, Any], metadata)


def _read_subwords(path: Path, facts: Any, dim: int) -> Subwords:
    table = _map_table(path, "bucket", "vector")
    vectors = _finite_matrix(table["vector"], path)
    buckets = _numbers(table["bucket"], pa.int32(), path)
    try:
        min_n, max_n, n_buckets = (int(facts[name]) for name in ("min_n", "max_n", "n_buckets"))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(str(path), f"what is said of its n-grams cannot be read ({error})", _REMEDY) from error
    if not (1 <= min_n <= max_n <= _LONGEST_NGRAM and 1 <= n_buckets <= 2**31):
        raise DataError(str(path), f"n-grams of {min_n} to {max_n} in {n_buckets} buckets", _REMEDY)
    ascending = bool((np.diff(buckets) > 0).all()) and (not len(buckets) or 0 <= buckets[0] <= buckets[-1] < n_buckets)
    if not ascending or vectors.shape[1] != dim:
        raise DataError(str(path), "its n-grams do not belong to the vectors beside it", _REMEDY)
    return Subwords(min_n, max_n, n_buckets, buckets, vectors)
