"""The first passages of a retriever, put in the order of scores that are computed for each pair of query and passage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.embeddings.contextual.encoder_folder import EncoderFolder
from emb_pipeline.embeddings.encodings.store import Encoder, StoredEncoder
from emb_pipeline.embeddings.export import EXPORT_AGAIN, read_embedding, write_embedding
from emb_pipeline.embeddings.protocols import ScoredIndex, Searcher, Setting, Stage, details_of
from emb_pipeline.embeddings.ranking import TieOrder, hashes
from emb_pipeline.embeddings.retrieval.cross_encoder import SEPARATOR, CrossEncoderScorer
from emb_pipeline.embeddings.retrieval.hits import NOTHING, Hits
from emb_pipeline.embeddings.retrieval.options import RerankerOptions
from emb_pipeline.embeddings.retrieval.stages import add_prefix, list_stages, open_with, require_scored, select_prefixed
from emb_pipeline.embeddings.retrieval.vector_searcher import make_searcher, open_unstored
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet

_FIRST, _SCORER, _PASSAGES = "first", "scorer", "passages.parquet"
_DECIMALS = 5
"""Scores of pairs are compared to this precision: what is below depends on the other pairs of a batch."""


def build_reranker(
    options: RerankerOptions, artifact: EncoderFolder, bases: Mapping[str, Any], encodings: Path | None = None
) -> Reranker:
    """Build a retriever whose first passages a cross-encoder puts in order; scores are kept where there is a store."""
    return Reranker(options.depth, bases, CrossEncoderScorer(artifact, options), encodings)


class Reranker:
    """A retriever and a cross-encoder.

    Parameters
    ----------
    depth : int
        Passages of each query that are reordered.
    bases : mapping of str to encoder or searcher
        The one retriever, by its name.
    scorer : Encoder
        Gives the score of each pair of texts (`CrossEncoderScorer`).
    encodings : Path, optional
        Store of earlier scores.
    """

    def __init__(self, depth: int, bases: Mapping[str, Any], scorer: Encoder, encodings: Path | None = None) -> None:
        ((self.name, base),) = bases.items()
        self.first: Searcher = make_searcher(base)
        self.depth = depth
        self.scorer: Any = scorer if encodings is None else StoredEncoder(scorer, encodings)

    @property
    def parts(self) -> dict[str, Any]:
        """The retriever, and what scores pairs."""
        return {self.name: self.first, "scorer": self.scorer}

    @property
    def details(self) -> dict[str, Any]:
        """Facts of what scores pairs that a reader of its scores must know."""
        return details_of(self.scorer)

    def index(self, passages: Sequence[str]) -> RerankedIndex:
        """Index the passages with the retriever; nothing is scored yet."""
        first = require_scored(self.first.index(passages), self.name)
        stages = [add_prefix(stage, self.name) for stage in list_stages(self.first, first)]
        return RerankedIndex(self.depth, self.name, first, stages, self.scorer, passages, hashes(passages))


@dataclass(frozen=True, eq=False)
class RerankedIndex:
    """Passages in the index of a retriever, and what reads them together with a query.

    Attributes
    ----------
    pool_depth : int
        Passages of each query that are reordered.
    name : str
        Of the retriever.
    first : ScoredIndex
        Its index.
    stages : list of Stage
        The choices that it leaves open.
    scorer : Encoder
        Gives the score of each pair of texts.
    passages : sequence of str
        Their texts.
    passage_hashes : ndarray of shape (n_passages,), uint64
        The order of equal scores.
    """

    pool_depth: int
    name: str
    first: ScoredIndex
    stages: list[Stage]
    scorer: Any
    passages: Sequence[str]
    passage_hashes: np.ndarray
    export_format: ClassVar[str] = "reranker"

    @property
    def n_bytes(self) -> int:
        """Memory of the retriever's index: a cross-encoder keeps nothing of a passage."""
        return self.first.n_bytes

    @property
    def unstored(self) -> RerankedIndex:
        """The same, scoring again what is in store."""
        return replace(self, first=open_unstored(self.first), scorer=getattr(self.scorer, "unstored", self.scorer))

    def at(self, setting: Setting) -> RerankedIndex:
        """The same passages with another setting of the retriever."""
        return replace(self, first=open_with(self.first, select_prefixed(setting, self.name)))

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        """Find the best passages of each query: see `search_scored`."""
        return self.search_scored(queries, k).passages

    def search_scored(self, queries: Sequence[str], k: int, among: sp.csr_array | None = None) -> Hits:
        """Find passages with the retriever and reorder the first of them; those below keep its order, without a score."""
        k = min(k, len(self.passage_hashes))
        hits = self.first.search_scored(queries, max(k, min(self.pool_depth, len(self.passage_hashes))), among)
        in_pool = (np.arange(hits.passages.shape[1]) < self.pool_depth) & (hits.scores > NOTHING) & (hits.passages >= 0)
        scores = np.full(hits.scores.shape, NOTHING)
        rows, places = np.nonzero(in_pool)
        if len(rows):
            pairs = _Pairs(queries, rows, self.passages, hits.passages[rows, places])
            scores[rows, places] = np.round(np.asarray(self.scorer.encode(pairs), dtype=np.float64)[:, 0], _DECIMALS)
        ties = TieOrder(hashes(queries), self.passage_hashes)
        order = np.tile(np.arange(hits.passages.shape[1]), (len(queries), 1))
        for row in range(len(order)):
            n_pooled = int(in_pool[row].sum())  # what was found comes first
            keys = ties.keys(row, hits.passages[row, :n_pooled])
            order[row, :n_pooled] = np.lexsort((keys, -scores[row, :n_pooled]))
        order = order[:, :k]
        return Hits(np.take_along_axis(hits.passages, order, axis=1), np.take_along_axis(scores, order, axis=1))

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the retriever and what scores pairs in folders of their own, and the passages' texts."""
        write_embedding(self.first, folder / _FIRST)
        write_embedding(self.scorer, folder / _SCORER)
        write_parquet(pa.table({"hash": self.passage_hashes, "text": list(self.passages)}), folder / _PASSAGES)
        return {"depth": self.pool_depth, "retriever": self.name}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> RerankedIndex:
        """Read the index that `write_state` wrote; the retriever leaves nothing open."""
        table = read_parquet(folder / _PASSAGES, columns=("hash", "text"), remedy=EXPORT_AGAIN)
        texts, hashes_of_texts = table["text"].to_pylist(), table["hash"].to_numpy()
        first, scorer = read_embedding(folder / _FIRST), read_embedding(folder / _SCORER)
        return cls(facts["depth"], facts["retriever"], first, [], scorer, texts, hashes_of_texts)


@dataclass(frozen=True, eq=False)
class _Pairs(Sequence[str]):
    """Pairs of a query and a passage, each as one text that is made when it is asked for.

    Attributes
    ----------
    queries, passages : sequence of str
    rows, places : ndarray of shape (n_pairs,), int64
        The query and the passage of each pair.
    """

    queries: Sequence[str]
    rows: np.ndarray
    passages: Sequence[str]
    places: np.ndarray

    def __len__(self) -> int:
        """Pairs."""
        return len(self.rows)

    def __getitem__(self, pair: Any) -> Any:
        """The text of a pair."""
        query, passage = self.queries[int(self.rows[pair])], self.passages[int(self.places[pair])]
        return f"{_clean(query)}{SEPARATOR}{_clean(passage)}"


def _clean(text: str) -> str:
    return str(text).replace(SEPARATOR, " ")
