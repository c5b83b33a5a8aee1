"""Vectors of texts as a column of a table: dense ones, sparse ones, or several vectors of each text."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.storage.matrices import make_matrix_column, read_matrix_column

_IN_MEMORY_BYTES = 256 << 20


class Part(NamedTuple):
    """Rows that one column holds.

    Attributes
    ----------
    column : ChunkedArray
        Of one chunk, as `RowFormat.make_column` gave it.
    rows : ndarray of shape (n,)
        Rows of the column.
    targets : ndarray of shape (n,)
        Rows of what is read that they become.
    """

    column: pa.ChunkedArray
    rows: np.ndarray
    targets: np.ndarray


class RowFormat(Protocol):
    """A way to keep one row for each text."""

    @property
    def type(self) -> pa.DataType:
        """Type of the column."""
        ...

    def make_column(self, vectors: Any) -> pa.Array:
        """Store the vectors of some texts: one entry for each text."""
        ...

    def read_rows(self, parts: Sequence[Part], n_rows: int) -> Any:
        """Read the vectors of ``n_rows`` texts, which the parts hold between them."""
        ...


def read_whole(rows: RowFormat, column: pa.ChunkedArray) -> Any:
    """Read the vectors of all entries of a column, in their order."""
    places = np.arange(len(column))
    return rows.read_rows([Part(pa.chunked_array([column.combine_chunks()]), places, places)], len(column))


@dataclass(frozen=True)
class DenseRows:
    """Rows of an ndarray, float32: in memory, or on disk where they are larger than 256 MiB.

    Attributes
    ----------
    dim : int
        Numbers in a row.
    """

    dim: int

    @property
    def type(self) -> pa.DataType:
        """Type of the column."""
        return pa.list_(pa.float32(), self.dim)

    def make_column(self, vectors: np.ndarray) -> pa.Array:
        """Store an array of shape (n_texts, dim)."""
        return make_matrix_column(vectors)

    def read_rows(self, parts: Sequence[Part], n_rows: int) -> np.ndarray:
        """Read an array of shape (n_rows, dim), float32."""
        made = allocate_rows((n_rows, self.dim))
        for part in parts:
            made[part.targets] = read_matrix_column(part.column)[part.rows]
        return made


@dataclass(frozen=True)
class SparseRows:
    """Rows of a csr_array, float32: the indices and values of what is not zero.

    Attributes
    ----------
    dim : int
        Columns of the array.
    """

    dim: int

    @property
    def type(self) -> pa.DataType:
        """Type of the column."""
        return pa.list_(pa.struct([("index", pa.int32()), ("value", pa.float32())]))

    def make_column(self, vectors: sp.csr_array) -> pa.Array:
        """Store a csr_array of shape (n_texts, dim)."""
        values = [pa.array(vectors.indices.astype(np.int32)), pa.array(vectors.data.astype(np.float32))]
        entries = pa.StructArray.from_arrays(values, fields=list(self.type.value_type))
        return pa.ListArray.from_arrays(pa.array(vectors.indptr.astype(np.int32)), entries, type=self.type)

    def read_rows(self, parts: Sequence[Part], n_rows: int) -> sp.csr_array:
        """Read a csr_array of shape (n_rows, dim), float32, with indices of 32 bits."""
        blocks = [self._open(part.column)[part.rows] for part in parts]
        if not blocks:
            return sp.csr_array((n_rows, self.dim), dtype=np.float32)
        stacked = sp.vstack(blocks, format="csr")[_invert(parts)]
        stacked.indices, stacked.indptr = stacked.indices.astype(np.int32), stacked.indptr.astype(np.int32)
        return stacked

    def _open(self, column: pa.ChunkedArray) -> sp.csr_array:
        lists, entries = column.chunk(0), column.chunk(0).values
        indices, values = (entries.field(name).to_numpy() for name in ("index", "value"))
        return sp.csr_array((values, indices, lists.offsets.to_numpy()), shape=(len(lists), self.dim))


@dataclass(frozen=True, eq=False)
class TokenVectors:
    """Several vectors of each text, one text's after the other's.

    Attributes
    ----------
    vectors : ndarray of shape (n_tokens, dim), float32 or float16
        Of the tokens of all texts.
    offsets : ndarray of shape (n_texts + 1,), int64
        Where each text's tokens start, and where the last one's end.
    """

    vectors: np.ndarray
    offsets: np.ndarray

    @classmethod
    def join(cls, of_texts: Sequence[np.ndarray]) -> TokenVectors:
        """Join the arrays of shape (n_tokens, dim) of one or more texts."""
        return cls(np.concatenate(of_texts), _count_up([len(vectors) for vectors in of_texts]))

    def __len__(self) -> int:
        """Texts."""
        return len(self.offsets) - 1

    @property
    def counts(self) -> np.ndarray:
        """Tokens of each text: shape (n_texts,)."""
        return np.diff(self.offsets)

    @property
    def nbytes(self) -> int:
        """Memory of the vectors and of where they start."""
        return int(self.vectors.nbytes + self.offsets.nbytes)

    def take(self, rows: np.ndarray) -> TokenVectors:
        """The vectors of some texts, in this order."""
        counts = self.counts[rows]
        offsets = _count_up(counts)
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][rows] - offsets[:-1], counts)
        return TokenVectors(self.vectors[places], offsets)


_Decimals: TypeAlias = Literal["float32", "float16"]


@dataclass(frozen=True)
class TokenRows:
    """Several vectors of each text.

    Attributes
    ----------
    dim : int
        Dimensions of a vector.
    precision : {"float32", "float16"}
        Of its numbers.
    """

    dim: int
    precision: _Decimals = "float32"

    @property
    def type(self) -> pa.DataType:
        """Type of the column."""
        return pa.list_(pa.list_(pa.float32() if self.precision == "float32" else pa.float16(), self.dim))

    def make_column(self, vectors: TokenVectors) -> pa.Array:
        """Store the vectors of the tokens of some texts."""
        numbers = pa.array(np.ascontiguousarray(vectors.vectors, dtype=self.precision).reshape(-1))
        tokens = pa.FixedSizeListArray.from_arrays(numbers, self.dim)
        return pa.ListArray.from_arrays(pa.array(vectors.offsets.astype(np.int32)), tokens, type=self.type)

    def read_rows(self, parts: Sequence[Part], n_rows: int) -> TokenVectors:
        """Read the vectors of the tokens of ``n_rows`` texts."""
        blocks = [self._open(part.column).take(part.rows) for part in parts]
        if not blocks:
            return TokenVectors(np.zeros((0, self.dim), dtype=self.precision), np.zeros(n_rows + 1, dtype=np.int64))
        counts = np.concatenate([block.counts for block in blocks])
        stacked = TokenVectors(np.concatenate([block.vectors for block in blocks]), _count_up(counts))
        return stacked if len(blocks) == 1 and _is_sorted(parts[0].targets) else stacked.take(_invert(parts))

    def _open(self, column: pa.ChunkedArray) -> TokenVectors:
        lists = column.chunk(0)
        numbers = lists.values.flatten().to_numpy(zero_copy_only=True)
        return TokenVectors(numbers.reshape(-1, self.dim), lists.offsets.to_numpy().astype(np.int64))


def _invert(parts: Sequence[Part]) -> np.ndarray:
    return np.argsort(np.concatenate([part.targets for part in parts]))


def _is_sorted(targets: np.ndarray) -> bool:
    return bool((np.diff(targets) > 0).all())


def _count_up(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def allocate_rows(shape: tuple[int, int]) -> np.ndarray:
    """Make room for float32 numbers, which may hold anything: in memory, or on disk where they are larger than 256 MiB."""
    if 4 * shape[0] * shape[1] <= _IN_MEMORY_BYTES:
        return np.empty(shape, dtype=np.float32)
    with tempfile.TemporaryFile() as file:  # it has no name, and goes with the array
        return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)


def split_rows(n_rows: int, n_together: int = 1 << 15) -> Iterator[slice]:
    """Yield some rows at a time."""
    for start in range(0, n_rows, n_together):
        yield slice(start, min(start + n_together, n_rows))
