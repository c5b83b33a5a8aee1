"""An encoder of a task whose texts came cut into words: it reads new texts in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.known_texts import find_known
from emb_pipeline.embeddings.protocols import Role, RoleEncoder, TextEncoder, Vectors, encode_as
from emb_pipeline.text.words import mark_words

_BASE = "base"


@dataclass(frozen=True, eq=False)
class MarkedEncoder:
    """Another encoder, for texts with white space between their words, or lists of words.

    Attributes
    ----------
    base : TextEncoder
        The other encoder.
    """

    base: TextEncoder | RoleEncoder
    export_format: ClassVar[str] = "marked"
    takes_words: ClassVar[bool] = True
    """A text may be a list of words."""

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self.base.dim

    def encode(self, texts: Sequence[str | Sequence[str]], role: Role = "text") -> Vectors:
        """Encode texts, or lists of words: vectors of shape (n_texts, dim), float32."""
        return encode_as(self.base, [mark_words(text) for text in texts], role)

    def knows(self, texts: Sequence[str], vectors: Vectors) -> np.ndarray:
        """Say of each text whether the other encoder knows anything of it: shape (n_texts,), bool."""
        return find_known(self.base, [mark_words(text) for text in texts], vectors)

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the other encoder in a folder of its own."""
        write_embedding(self.base, folder / _BASE)
        return {"dim": self.dim}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> MarkedEncoder:
        """Read the encoder that `write_state` wrote."""
        return cls(read_embedding(folder / _BASE))
