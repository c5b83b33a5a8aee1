"""An encoder of texts as a searcher: exact search over the vectors of passages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.encodings.vectors import SearchSpace, bytes_per_vector, encode_texts
from emb_pipeline.embeddings.protocols import (
    Searcher,
    SearchIndex,
    StoredTextEncoder,
    TaskEncoder,
    TextEncoder,
    Vectors,
    fit_on,
)
from emb_pipeline.embeddings.ranking import TieOrder, hashes
from emb_pipeline.embeddings.retrieval.exact_search import score_blocks, transpose_passages
from emb_pipeline.embeddings.retrieval.hits import NOTHING, Hits, rank_scores
from emb_pipeline.text.texts import Texts


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

    @property
    def unstored(self) -> VectorIndex:
        """The same, encoding again what is in store."""
        return replace(self, encoder=self.encoder.unstored) if isinstance(self.encoder, StoredTextEncoder) else self

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        """Find the best passages of each query: see `search_scored`."""
        return self.search_scored(queries, k).passages

    def search_scored(self, queries: Sequence[str], k: int, among: sp.csr_array | None = None) -> Hits:
        """Find the passages that are nearest by the encoder's measure.

        Nothing is found by a query without a known word, nor, with sparse vectors, in a passage without a term of it.
        """
        return rank_scores(self.score_all(queries), k, TieOrder(hashes(queries), self.passage_hashes), among)

    def score_all(self, queries: Sequence[str], among: sp.csr_array | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """Compute the encoder's measure of each query with all passages."""
        encoded, _ = encode_texts(self.encoder, queries, "queries", "query")
        vectors = self.space.prepare_queries(encoded)
        for rows, scores in score_blocks(vectors, self.columns):
            silent = scores == 0 if sp.issparse(vectors) else ~np.asarray(encoded[rows]).any(axis=1)
            scores[silent] = NOTHING
            yield rows, scores


def open_unstored(index: SearchIndex) -> Any:
    """Give the index that computes again what another one reads from a store: a request costs that."""
    return getattr(index, "unstored", index)
