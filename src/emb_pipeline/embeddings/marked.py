"""An encoder of a task whose texts came cut into words: it reads new texts in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emb_pipeline.embeddings.protocols import Role, RoleEncoder, TextEncoder, Vectors, encoded_as
from emb_pipeline.text.words import mark_words


@dataclass(frozen=True, eq=False)
class MarkedEncoder:
    """Another encoder, for texts with white space between their words, or lists of words.

    Attributes
    ----------
    base : TextEncoder
        The other encoder.
    """

    base: TextEncoder | RoleEncoder

    @property
    def dim(self) -> int:
        """Dimensions of a vector."""
        return self.base.dim

    def encode(self, texts: Sequence[str | Sequence[str]], role: Role = "text") -> Vectors:
        """Encode texts, or lists of words: vectors of shape (n_texts, dim), float32."""
        return encoded_as(self.base, [mark_words(text) for text in texts], role)
