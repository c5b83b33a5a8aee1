"""An exported embedding that finds the passages nearest to a text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encodings.vectors import encode_texts, prepare_for_search, score_pairs, unit_length
from emb_pipeline.embeddings.export import read_encoder, write_encoder
from emb_pipeline.embeddings.known_texts import find_known
from emb_pipeline.embeddings.protocols import Similarity, TaskEncoder, TextEncoder, Vectors, encode_as, fit_on, similarity_of
from emb_pipeline.embeddings.retrieval.exact_search import find_top_k
from emb_pipeline.storage.matrices import make_matrix_column, read_matrix_column
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.tasks.export.answering import EMBEDDING, REMEDY, Encoder, Request, cut_as
from emb_pipeline.tasks.export.requests import Rows
from emb_pipeline.tasks.retrieval.task import RetrievalTask

_PASSAGES = "passages"


@dataclass(frozen=True, eq=False)
class TextSearch:
    """A search: the embedding with the vectors of all passages, of which it finds those nearest to a text.

    Attributes
    ----------
    encoder : TextEncoder
        The embedding.
    passage_ids : list of str
        Names of the passages.
    passages : ndarray or csr_array of shape (n_passages, dim), float32
        Their vectors; of length 1 where they are compared by cosine.
    """

    answers: ClassVar[str] = "search"
    encoder: Encoder
    passage_ids: list[str]
    passages: Vectors

    @classmethod
    def fit(cls, task: RetrievalTask, encoder: TextEncoder | TaskEncoder, options: Any, *, seed: int) -> TextSearch:
        """Encode the passages; an embedding of the task's own is fitted on them."""
        with threadpool_limits(1):
            fitted = fit_on(encoder, task.passages, "passage")
            vectors, _ = encode_texts(fitted, task.passages, "passages", "passage")
        kept = unit_length(vectors) if similarity_of(fitted) == "cosine" else vectors
        return cls(cut_as(task.passages, fitted), task.passage_ids.tolist(), kept)

    def answer(self, texts: Request, k: int = 10) -> pd.DataFrame:
        """Find the ``k`` nearest passages of each text.

        Parameters
        ----------
        texts : sequence of str, str or DataFrame
            See `Rows.of`: a string is one text.
        k : int
            Passages for each.

        Returns
        -------
        DataFrame of query, rank, passage_id, cosine, known and error
            ``query`` is the position of the text. The score is named as the embedding's measure is: cosine, dot, euclidean
            (negative distance). Of one that the embedding knows nothing of, and of a row that is no text,
            there is one line: rank 0 and no passage, ``known`` false, and the ``error``.
        """
        asked = Rows.of(texts, self.encoder)
        vectors: Any = encode_as(self.encoder, asked.texts, "query") if asked.texts else None
        known = find_known(self.encoder, asked.texts, vectors)
        answered = np.flatnonzero(known)
        found = self._nearest(vectors[answered], asked.places[answered], k) if len(answered) else pd.DataFrame()
        silent = sorted(set(range(len(asked.errors))) - set(asked.places[answered].tolist()))
        nothing = pd.DataFrame(
            {
                "query": silent,
                "rank": 0,
                "passage_id": pd.Series([None] * len(silent), dtype=object),
                self._measure: np.nan,
                "known": False,
                "error": pd.Series([asked.errors[place] for place in silent], dtype=object),
            }
        )
        parts = [part for part in (found, nothing) if len(part)] or [nothing]
        whole: pd.DataFrame = pd.concat(parts, ignore_index=True)
        return whole.sort_values(["query", "rank"], kind="stable", ignore_index=True)

    def _nearest(self, vectors: Vectors, places: np.ndarray, k: int) -> pd.DataFrame:
        k = min(k, len(self.passage_ids))
        found = find_top_k(*prepare_for_search(vectors, self.passages, self.encoder), k)
        rows = np.repeat(np.arange(len(places)), k)
        scores = score_pairs(vectors[rows], self.passages[found.ravel()], self._measure)
        return pd.DataFrame(
            {
                "query": places[rows],
                "rank": np.tile(np.arange(1, k + 1), len(places)),
                "passage_id": pd.Series([self.passage_ids[place] for place in found.ravel().tolist()], dtype=object),
                self._measure: scores,
                "known": True,
                "error": pd.Series([None] * len(rows), dtype=object),
            }
        )

    @property
    def _measure(self) -> Similarity:
        return similarity_of(self.encoder)

    def write(self, folder: Path) -> None:
        """Write what `answer` needs; dense vectors as fixed-size lists, sparse ones as lists of columns and values."""
        write_encoder(self.encoder, folder / EMBEDDING)
        (folder / _PASSAGES).mkdir()
        columns: dict[str, pa.Array] = {"passage_id": pa.array(self.passage_ids, pa.string())}
        if sp.issparse(self.passages):
            starts = pa.array(self.passages.indptr.astype(np.int64))
            columns["column"] = pa.LargeListArray.from_arrays(starts, pa.array(self.passages.indices.astype(np.int32)))
            columns["value"] = pa.LargeListArray.from_arrays(starts, pa.array(self.passages.data.astype(np.float32)))
        else:
            columns["vector"] = make_matrix_column(self.passages)
        write_parquet(pa.table(columns), folder / _PASSAGES / "vectors.parquet")

    @classmethod
    def read(cls, folder: Path) -> TextSearch:
        """Read the search of a folder."""
        encoder = read_encoder(folder / EMBEDDING)
        table = read_parquet(folder / _PASSAGES / "vectors.parquet", columns=("passage_id",), remedy=REMEDY)
        passages: Vectors
        if "vector" in table.column_names:
            passages = read_matrix_column(table["vector"])
        else:
            indices, values = (table[name].combine_chunks() for name in ("column", "value"))
            parts = (values.flatten().to_numpy(), indices.flatten().to_numpy(), indices.offsets.to_numpy())
            passages = sp.csr_array(parts, shape=(len(table), encoder.dim))
        return cls(encoder, table["passage_id"].to_pylist(), passages)
