"""An exported embedding that gives vectors of texts, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.export import read_embedding, write_embedding
from emb_pipeline.embeddings.protocols import Setting, TaskEncoder, TextEncoder
from emb_pipeline.tasks.export.answering import EMBEDDING, Encoder, Request, read_as
from emb_pipeline.tasks.export.requests import Rows


@dataclass(frozen=True, eq=False)
class TextVectors:
    """Vectors of texts: for tasks of which nothing but the embedding can be exported.

    Attributes
    ----------
    encoder : TextEncoder
        The embedding.
    """

    answers: ClassVar[str] = "vectors"
    encoder: Encoder

    @classmethod
    def fit(
        cls, task: Any, encoder: TextEncoder | TaskEncoder, options: Any, *, seed: int, setting: Setting | None = None
    ) -> TextVectors:
        """Fit an embedding of the task's own on all of its texts; any other one is taken as it is."""
        texts = task.all_texts
        with threadpool_limits(1):
            return cls(read_as(texts, encoder.fit(texts) if isinstance(encoder, TaskEncoder) else encoder))

    def answer(self, texts: Request) -> pd.DataFrame:
        """Encode each text.

        Parameters
        ----------
        texts : sequence of str, str or DataFrame
            See `Rows.of`: a string is one text.

        Returns
        -------
        DataFrame of vector, known and error
            ``known`` is false where the embedding knows nothing of a text; a row that is no text has an ``error``, and no
            vector.
        """
        rows = Rows.of(texts, self.encoder)
        vectors, known = rows.encode(self.encoder)
        dense = vectors.toarray() if sp.issparse(vectors) else np.asarray(vectors)
        return pd.DataFrame(
            {
                "vector": pd.Series(rows.spread(dense), dtype=object),
                "known": rows.spread(known.tolist(), False),
                "error": pd.Series(rows.errors, dtype=object),
            }
        )

    def write(self, folder: Path) -> None:
        """Write what `answer` needs."""
        write_embedding(self.encoder, folder / EMBEDDING)

    @classmethod
    def from_folder(cls, folder: Path) -> TextVectors:
        """Read the embedding of a folder."""
        return cls(read_embedding(folder / EMBEDDING))
