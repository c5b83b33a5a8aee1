"""Several embeddings as one: their vectors next to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.embeddings.columns.options import JoinedOptions
from emb_pipeline.embeddings.columns.values import stack
from emb_pipeline.embeddings.export import EXPORT_AGAIN, read_embedding, write_embedding
from emb_pipeline.embeddings.linear_head import varying_deviations
from emb_pipeline.embeddings.protocols import (
    Role,
    StoredTextEncoder,
    TextEncoder,
    Vectors,
    encode_as,
    fit_encode,
    learns_from_labels,
)
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.text.texts import Texts

_PART, _SCALE = "part", "scale"


@dataclass(frozen=True, eq=False)
class BlockScale:
    """The scaling of a block: dense columns get mean 0 and variance 1, then all rows a mean squared length of 1.

    Sparse blocks are not centred, which would fill them.

    Attributes
    ----------
    mean, deviation : ndarray of shape (dim,), float32, or None
        Of dense training rows.
    length : float
        Root of the mean squared length of the training rows, after that.
    """

    mean: np.ndarray | None
    deviation: np.ndarray | None
    length: float

    @classmethod
    def of(cls, vectors: Vectors) -> BlockScale:
        """Find the scaling of training rows of shape (n_rows, dim)."""
        if sp.issparse(vectors):
            squares = float(np.square(vectors.data, dtype=np.float64).sum())
            return cls(None, None, np.sqrt(squares / max(vectors.shape[0], 1)) or 1.0)
        mean = vectors.mean(axis=0, dtype=np.float64)
        found = vectors.std(axis=0, dtype=np.float64)
        deviation = varying_deviations(found, mean)
        varying = float(np.square(found / deviation).sum())
        return cls(mean.astype(np.float32), deviation.astype(np.float32), np.sqrt(varying) or 1.0)

    def scale(self, vectors: Vectors) -> Vectors:
        """Scale rows: float32, sparse where they are."""
        if self.mean is None or self.deviation is None:
            return vectors * np.float32(1 / self.length)
        return np.asarray((vectors - self.mean) / (self.deviation * np.float32(self.length)), dtype=np.float32)


class Joined:
    """Embeddings whose vectors are joined: each is fitted on the task's training part as it is by itself.

    Parameters
    ----------
    options : JoinedOptions
        None yet.
    bases : mapping of str to encoder
        The embeddings, by their names.
    """

    def __init__(self, options: JoinedOptions, bases: Mapping[str, Any]) -> None:
        self.options, self.bases = options, dict(bases)

    @property
    def learns_from_labels(self) -> bool:
        """Tell whether one of them does."""
        return any(learns_from_labels(base) for base in self.bases.values())

    def fit(self, texts: Texts) -> JoinedEncoder:
        """Fit each on these texts.

        Raises
        ------
        ValueError
            One of them learns from labels: see `fit_encode`.
        """
        return self.fit_encode(texts, None)[0]

    def fit_encode(self, texts: Texts, labels: np.ndarray | None) -> tuple[JoinedEncoder, Vectors]:
        """Fit each on training texts and their labels, shape (n_texts,), and encode these."""
        parts, scales, blocks = {}, {}, []
        for name, base in self.bases.items():
            parts[name], vectors = fit_encode(base, texts, labels)
            scales[name] = BlockScale.of(vectors)
            blocks.append(scales[name].scale(vectors))
        return JoinedEncoder(parts, scales), stack(blocks)


@dataclass(frozen=True, eq=False)
class JoinedEncoder:
    """Vectors of several encoders, next to each other: sparse where one of them is.

    Attributes
    ----------
    parts : mapping of str to TextEncoder
        The encoders.
    scales : mapping of str to BlockScale
        What makes their vectors comparable.
    """

    parts: Mapping[str, TextEncoder]
    scales: Mapping[str, BlockScale]
    export_format: ClassVar[str] = "joined"

    @property
    def dim(self) -> int:
        """Columns of the vectors."""
        return sum(part.dim for part in self.parts.values())

    @property
    def unstored(self) -> JoinedEncoder:
        """The same, encoding again what the parts have in store."""
        if not any(isinstance(part, StoredTextEncoder) for part in self.parts.values()):
            return self
        opened: dict[str, Any] = {
            name: part.unstored if isinstance(part, StoredTextEncoder) else part for name, part in self.parts.items()
        }
        return replace(self, parts=opened)

    def encode(self, texts: Sequence[str], role: Role = "text") -> Vectors:
        """Vectors of texts, shape (n_texts, dim), float32."""
        return stack([self.scales[name].scale(encode_as(part, texts, role)) for name, part in self.parts.items()])

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write each part in a folder of its own, and the scaling of a dense one next to it."""
        for place, (name, part) in enumerate(self.parts.items()):
            write_embedding(part, folder / f"{_PART}_{place}")
            scale = self.scales[name]
            if scale.mean is not None:
                columns = {"mean": pa.array(scale.mean), "deviation": pa.array(scale.deviation)}
                write_parquet(pa.table(columns), folder / f"{_SCALE}_{place}.parquet")
        scales = [{"length": float(scale.length), "is_dense": scale.mean is not None} for scale in self.scales.values()]
        return {"names": list(self.parts), "scales": scales}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> JoinedEncoder:
        """Read the encoder that `write_state` wrote."""
        parts: dict[str, Any] = {}
        scales = {}
        for place, (name, scale) in enumerate(zip(facts["names"], facts["scales"], strict=True)):
            parts[name] = read_embedding(folder / f"{_PART}_{place}")
            mean = deviation = None
            if scale["is_dense"]:
                path = folder / f"{_SCALE}_{place}.parquet"
                table = read_parquet(path, columns=("mean", "deviation"), remedy=EXPORT_AGAIN)
                mean, deviation = table["mean"].to_numpy(), table["deviation"].to_numpy()
            scales[name] = BlockScale(mean, deviation, scale["length"])
        return cls(parts, scales)
