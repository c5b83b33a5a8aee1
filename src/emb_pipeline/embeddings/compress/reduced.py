"""An embedding with fewer numbers, or fewer bits for each: what is left of it downstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pyarrow as pa
import scipy.linalg
import scipy.sparse as sp

from emb_pipeline.embeddings.compress.options import Precision, ReducedOptions
from emb_pipeline.embeddings.export import EXPORT_AGAIN, read_embedding, write_embedding
from emb_pipeline.embeddings.known_texts import find_known
from emb_pipeline.embeddings.protocols import (
    Role,
    RoleEncoder,
    StoredTextEncoder,
    TaskEncoder,
    TextEncoder,
    Vectors,
    encode_as,
    fit_on,
    similarity_of,
)
from emb_pipeline.storage.matrices import make_matrix_column, read_matrix_column
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.text.texts import Texts

BYTES: dict[Precision, float] = {"float32": 4.0, "float16": 2.0, "int8": 1.0, "binary": 0.125}
"""Of one number."""
Base: TypeAlias = TextEncoder | RoleEncoder

_BASE, _AXES = "base", "axes.parquet"


@dataclass(frozen=True)
class Reduced:
    """Another embedding, to be reduced by what a task's training texts (or passages) tell.

    Attributes
    ----------
    options : ReducedOptions
        Numbers to keep, how they are chosen, and their precision.
    text : TextEncoder or TaskEncoder
        The embedding; its vectors must be dense.
    """

    options: ReducedOptions
    text: TextEncoder | TaskEncoder

    def fit(self, texts: Texts, role: Role = "text") -> ReducedEncoder:
        """Axes and ranges of these texts' vectors.

        Raises
        ------
        ValueError
            The embedding is sparse, or has no more numbers than are to be kept.
        """
        base = fit_on(self.text, texts, role)
        vectors = encode_as(base, texts, role)
        if sp.issparse(vectors):
            raise ValueError("sparse vectors are not reduced: take lsa for a dense version of TF-IDF")
        dims = self.options.dims or base.dim
        if dims > base.dim:
            raise ValueError(f"an embedding of {base.dim} numbers cannot be reduced to {dims}")
        mean, axes = _axes(vectors, dims, self.options.by, centers=similarity_of(base) != "dot")
        projected = (vectors - mean) @ axes
        low, high = projected.min(axis=0), projected.max(axis=0)
        return ReducedEncoder(base, mean, axes, Quantisation(self.options.precision, low, high))


@dataclass(frozen=True, eq=False)
class Quantisation:
    """The form in which numbers are stored, and what is read back.

    Attributes
    ----------
    precision : {"float32", "float16", "int8", "binary"}
        ``int8``: 256 even steps between the smallest and the largest training value of each number; ``binary``: the sign.
    low, high : ndarray of shape (dim,), float32
        Those values.
    """

    precision: Precision
    low: np.ndarray
    high: np.ndarray

    def stored(self, vectors: np.ndarray) -> np.ndarray:
        """The vectors as they are stored; the binary ones not packed yet: a bool for each number."""
        if self.precision == "float16":
            return vectors.astype(np.float16)
        if self.precision == "int8":
            return np.asarray(np.clip(np.rint((vectors - self.low) / self._step), 0, 255), dtype=np.uint8)
        if self.precision == "binary":
            return np.asarray(vectors > 0)
        return vectors

    def read(self, stored: np.ndarray) -> np.ndarray:
        """Vectors out of what `stored` gave: float32."""
        if self.precision == "int8":
            return np.asarray(stored * self._step + self.low, dtype=np.float32)
        if self.precision == "binary":
            return np.asarray(np.where(stored, np.float32(1), np.float32(-1)))
        return np.asarray(stored, dtype=np.float32)

    def read_back(self, vectors: np.ndarray) -> np.ndarray:
        """The vectors as they come out of storage: float32."""
        return self.read(self.stored(vectors))

    @property
    def _step(self) -> np.ndarray:
        return np.asarray(np.maximum(self.high - self.low, 1e-12) / 255)


@dataclass(frozen=True, eq=False)
class ReducedEncoder:
    """Vectors of another encoder along a few axes, as they come out of storage.

    Queries are not stored: they keep all their bits, as is usual where passages are binary (Yamada et al. 2021).

    Attributes
    ----------
    base : TextEncoder
        The other encoder.
    mean : ndarray of shape (base dim,), float32
        Taken off first.
    axes : ndarray of shape (base dim, dim), float32
        Orthonormal.
    quantisation : Quantisation
        How they are stored.
    """

    base: Base
    mean: np.ndarray
    axes: np.ndarray
    quantisation: Quantisation
    export_format: ClassVar[str] = "reduced"

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return int(self.axes.shape[1])

    @property
    def bytes_per_item(self) -> float:
        """Bytes of a stored vector."""
        return self.dim * BYTES[self.quantisation.precision]

    @property
    def unstored(self) -> ReducedEncoder:
        """The same, encoding again what the base has in store."""
        return replace(self, base=self.base.unstored) if isinstance(self.base, StoredTextEncoder) else self

    def encode(self, texts: Sequence[str], role: Role = "text") -> np.ndarray:
        """Vectors of texts: an array of shape (n_texts, dim), float32."""
        projected = np.asarray((encode_as(self.base, texts, role) - self.mean) @ self.axes, dtype=np.float32)
        return projected if role == "query" else self.quantisation.read_back(projected)

    def knows(self, texts: Sequence[str], vectors: Vectors) -> np.ndarray:
        """Say of each text whether the base knows anything of it: shape (n_texts,), bool."""
        return find_known(self.base, texts, self.base.encode(texts))

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the base in a folder of its own, and the axes as one Parquet file."""
        write_embedding(self.base, folder / _BASE)
        axes = np.vstack([self.mean, self.axes.T])
        ranges = np.vstack([[0, 0], np.stack([self.quantisation.low, self.quantisation.high], axis=1)]).astype(np.float32)
        columns = {"axis": make_matrix_column(axes), "low": pa.array(ranges[:, 0]), "high": pa.array(ranges[:, 1])}
        write_parquet(pa.table(columns), folder / _AXES)
        return {"precision": self.quantisation.precision, "dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> ReducedEncoder:
        """Read the encoder that `write_state` wrote."""
        table = read_parquet(folder / _AXES, columns=("axis", "low", "high"), remedy=EXPORT_AGAIN)
        axes = read_matrix_column(table["axis"])
        low, high = (table[name].to_numpy()[1:] for name in ("low", "high"))
        stored = Quantisation(facts["precision"], low, high)
        return cls(read_embedding(folder / _BASE), axes[0], np.ascontiguousarray(axes[1:].T), stored)


def _axes(vectors: np.ndarray, dims: int, by: str, *, centers: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean and axes: the principal ones of these vectors, of which fewer are a part of more, or the first numbers.

    Vectors that are compared by their dot product are not centered: it would be another product.
    """
    n_numbers = vectors.shape[1]
    if by == "prefix":
        return np.zeros(n_numbers, dtype=np.float32), np.eye(n_numbers, dims, dtype=np.float32)
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32) * np.float32(centers)
    centered = vectors - mean  # before anything is squared: float32 would lose a small variance next to a large mean
    _, directions = scipy.linalg.eigh((centered.T @ centered).astype(np.float64))
    return mean, np.ascontiguousarray(directions[:, ::-1][:, :dims], dtype=np.float32)
