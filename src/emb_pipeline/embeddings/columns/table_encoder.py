"""An encoder of a task with columns, as a bundle has it: it says what a request must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.columns.state import read_names, write_names
from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.protocols import Role, RoleEncoder, TextEncoder, Vectors, encode_as
from emb_pipeline.text.columns import ColumnNames

_BASE = "base"


@dataclass(frozen=True, eq=False)
class TableEncoder:
    """Another encoder, for rows with columns.

    Attributes
    ----------
    base : TextEncoder
        The other encoder: of columns, of texts, or of both.
    columns : ColumnNames
        The columns that a row must have.
    row_is_text : bool
        Whether there is no text but the row, written out (`emb_pipeline.text.columns.write_row`).
    marks_words : bool
        Whether texts have white space between their words already.
    """

    base: TextEncoder | RoleEncoder
    columns: ColumnNames
    row_is_text: bool
    marks_words: bool = False
    export_format: ClassVar[str] = "table"

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self.base.dim

    @property
    def needs_text(self) -> bool:
        """Tell whether a row must have a text next to its columns."""
        return not self.row_is_text and reads_texts(self.base)

    def encode(self, texts: Sequence[str], role: Role = "text") -> Vectors:
        """Encode rows, as texts with columns: vectors of shape (n_texts, dim), float32."""
        return encode_as(self.base, texts, role)

    def find_known(self, vectors: Vectors) -> np.ndarray:
        """Say of each row, given its vector, whether the other encoder knows anything of it: shape (n_rows,), bool."""
        lengths = abs(vectors).sum(axis=1) if sp.issparse(vectors) else np.abs(vectors).sum(axis=1)
        return np.asarray(np.asarray(lengths).ravel() > 0)

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the other encoder in a folder of its own."""
        write_embedding(self.base, folder / _BASE)
        return {**write_names(self.columns), "row_is_text": self.row_is_text, "marks_words": self.marks_words}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> TableEncoder:
        """Read the encoder that `write_state` wrote."""
        return cls(read_embedding(folder / _BASE), read_names(facts), bool(facts["row_is_text"]), bool(facts["marks_words"]))


def reads_columns(encoder: object) -> bool:
    """Tell whether an encoder, or a part of it, reads columns."""
    parts = getattr(encoder, "parts", None)
    if isinstance(parts, Mapping):
        return any(map(reads_columns, parts.values()))
    return isinstance(getattr(encoder, "columns", None), ColumnNames)


def reads_texts(encoder: object) -> bool:
    """Tell whether an encoder, or a part of it, reads texts."""
    parts = getattr(encoder, "parts", None)
    if isinstance(parts, Mapping):
        return any(map(reads_texts, parts.values()))
    return not isinstance(getattr(encoder, "columns", None), ColumnNames)
