"""An encoder of texts as a searcher: exact search over the vectors of passages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.embeddings.encodings.vectors import SearchSpace, bytes_per_vector, encode_texts, score_pairs
from emb_pipeline.embeddings.export import EXPORT_AGAIN, read_embedding, write_embedding
from emb_pipeline.embeddings.known_texts import find_known
from emb_pipeline.embeddings.protocols import (
    Searcher,
    SearchIndex,
    StoredTextEncoder,
    TaskEncoder,
    TextEncoder,
    Vectors,
    fit_on,
    similarity_of,
)
from emb_pipeline.embeddings.ranking import TieOrder, hashes
from emb_pipeline.embeddings.retrieval.exact_search import score_blocks, transpose_passages
from emb_pipeline.embeddings.retrieval.hits import NOTHING, Hits, rank_scores
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.storage.vector_rows import DenseRows, SparseRows, read_whole
from emb_pipeline.text.texts import Texts

_BASE, _VECTORS = "base", "vectors.parquet"


def make_searcher(embedding: TextEncoder | TaskEncoder | Searcher) -> Searcher:
    """Make a searcher of an embedding that is none."""
    return embedding if isinstance(embedding, Searcher) else VectorSearcher(embedding)


@dataclass(frozen=True)
class VectorSearcher:
    """Search by the measure of an encoder's vectors: cosine, or its own.

    Attributes
    ----------
    encoder : TextEncoder or TaskEncoder
        One that is fitted (TF-IDF) is fitted on the passages.
    """

    encoder: TextEncoder | TaskEncoder

    def index(self, passages: Sequence[str]) -> VectorIndex:
        """Encode passages."""
        texts = passages if isinstance(passages, Texts) else Texts(passages)
        fitted = fit_on(self.encoder, texts, "passage")
        vectors, _ = encode_texts(fitted, texts, "passages", "passage")
        n_bytes = round(bytes_per_vector(vectors, fitted) * len(texts))
        space = SearchSpace.of(vectors, fitted)
        return VectorIndex(fitted, space, transpose_passages(space.passages), hashes(texts), n_bytes)


@dataclass(frozen=True, eq=False)
class VectorIndex:
    """Vectors of some passages.

    Attributes
    ----------
    encoder : TextEncoder
        Encodes the queries.
    space : SearchSpace
        Vectors of the passages.
    columns : ndarray or csr_array of shape (dim, n_passages)
        The same, transposed.
    passage_hashes : ndarray of shape (n_passages,), uint64
        The order of equal scores.
    n_bytes : int
        Memory of the vectors as they are stored.
    """

    encoder: Any
    space: SearchSpace
    columns: Vectors
    passage_hashes: np.ndarray
    n_bytes: int
    export_format: ClassVar[str] = "vector_search"

    @property
    def measure(self) -> str:
        """Name of the encoder's measure."""
        return self.space.similarity

    @property
    def unstored(self) -> VectorIndex:
        """The same, encoding again what is in store."""
        return replace(self, encoder=self.encoder.unstored) if isinstance(self.encoder, StoredTextEncoder) else self

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        """Find the best passages of each query: see `search_scored`."""
        return self.search_scored(queries, k).passages

    def search_scored(self, queries: Sequence[str], k: int, among: sp.csr_array | None = None) -> Hits:
        """Find the passages that are nearest by the encoder's measure.

        Nothing is found by a query that the encoder knows nothing of, nor, with sparse vectors, in a passage without a term
        of it.
        """
        return rank_scores(self.score_all(queries), k, TieOrder(hashes(queries), self.passage_hashes), among)

    def score_all(self, queries: Sequence[str], among: sp.csr_array | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """Compute the encoder's measure of each query with all passages."""
        encoded, _ = encode_texts(self.encoder, queries, "queries", "query")
        return self._score_vectors(encoded, find_known(self.encoder, queries, encoded))

    def search_measured(self, queries: Sequence[str], k: int) -> Hits:
        """Find the same, with the values of the measure: negative distances, where it is one."""
        encoded, _ = encode_texts(self.encoder, queries, "queries", "query")
        known = find_known(self.encoder, queries, encoded)
        blocks = self._score_vectors(encoded, known)
        passages = rank_scores(blocks, k, TieOrder(hashes(queries), self.passage_hashes)).passages
        rows = np.repeat(np.arange(len(queries)), passages.shape[1])
        values = score_pairs(encoded[rows], self.space.restore_passages(passages.ravel()), self.space.similarity)
        return Hits(passages, np.where(known[:, None], values.reshape(passages.shape), NOTHING))

    def _score_vectors(self, encoded: Vectors, known: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        vectors = self.space.prepare_queries(encoded)
        for rows, scores in score_blocks(vectors, self.columns):
            if sp.issparse(vectors):
                scores[scores == 0] = NOTHING
            scores[~known[rows]] = NOTHING
            yield rows, scores

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the encoder in a folder of its own, and the passages' vectors as one Parquet file."""
        write_embedding(self.encoder, folder / _BASE)
        vectors = self.space.passages
        rows = SparseRows(vectors.shape[1]) if sp.issparse(vectors) else DenseRows(vectors.shape[1])
        write_parquet(
            pa.table({"hash": self.passage_hashes, "vector": rows.make_column(vectors)}),
            folder / _VECTORS,
        )
        return {
            "columns": vectors.shape[1],
            "is_sparse": sp.issparse(vectors),
            "typical_length": float(self.space.typical),
            "n_bytes": self.n_bytes,
        }

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> VectorIndex:
        """Read the index that `write_state` wrote."""
        encoder = read_embedding(folder / _BASE)
        table = read_parquet(folder / _VECTORS, columns=("hash", "vector"), remedy=EXPORT_AGAIN)
        rows = SparseRows(facts["columns"]) if facts["is_sparse"] else DenseRows(facts["columns"])
        vectors = read_whole(rows, table["vector"])
        space = SearchSpace(vectors, similarity_of(encoder), np.float32(facts["typical_length"]))
        return cls(encoder, space, transpose_passages(vectors), table["hash"].to_numpy(), facts["n_bytes"])


def open_unstored(index: SearchIndex) -> Any:
    """Give the index that computes again what another one reads from a store: a request costs that."""
    return getattr(index, "unstored", index)
