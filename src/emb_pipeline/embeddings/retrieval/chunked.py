"""Passages that are searched by their chunks: a passage is as good as its best chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.embeddings.export import EXPORT_AGAIN, read_embedding, write_embedding
from emb_pipeline.embeddings.protocols import ScoredIndex, ScoringIndex, Searcher, Setting, Stage, TaskEncoder, TextEncoder
from emb_pipeline.embeddings.ranking import TieOrder, hashes
from emb_pipeline.embeddings.retrieval.hits import NOTHING, Hits, rank_scores
from emb_pipeline.embeddings.retrieval.options import ChunkedOptions
from emb_pipeline.embeddings.retrieval.stages import list_stages, open_with, require_scored
from emb_pipeline.embeddings.retrieval.vector_searcher import make_searcher, open_unstored
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.text.structure.chunks import split_chunks
from emb_pipeline.text.texts import Texts

_PART, _CHUNKS, _PASSAGES = "part", "chunks.parquet", "passages.parquet"
_GROWTH = 4
"""Chunks that are asked for, for each passage that is to be found; and the factor of growth, where these are too few."""


@dataclass(frozen=True)
class Chunked:
    """Another retriever, over the chunks of the passages.

    A passage's score is the largest of its chunks' (Dai & Callan 2019, MaxP), so that judgments of passages hold for every
    size. An embedding that is fitted on the passages (TF-IDF) is fitted on the chunks.

    Attributes
    ----------
    options : ChunkedOptions
        Unit, size and overlap of the chunks.
    text : TextEncoder, TaskEncoder or Searcher
        The other retriever.
    """

    options: ChunkedOptions
    text: TextEncoder | TaskEncoder | Searcher

    def split_passages(self, passages: Sequence[str]) -> list[list[str]]:
        """Split passages into chunks: a list of at least one for each."""
        options = self.options
        return [split_chunks(passage, options.by, options.size, options.overlap, options.with_title) for passage in passages]

    def index(self, passages: Sequence[str]) -> ChunkedIndex:
        """Index the chunks of the passages."""
        chunks = self.split_passages(passages)
        n_chunks = np.array([len(each) for each in chunks], dtype=np.int64)
        is_whole = len(passages) == n_chunks.sum() and isinstance(passages, Texts)
        texts = passages if is_whole else Texts(chunk for each in chunks for chunk in each)
        searcher = make_searcher(self.text)
        part = require_scored(searcher.index(texts), "what is chunked")
        owners = np.repeat(np.arange(len(passages)), n_chunks)
        return ChunkedIndex(part, list_stages(searcher, part), owners, hashes(passages))


@dataclass(frozen=True, eq=False)
class ChunkedIndex:
    """Chunks of some passages.

    Attributes
    ----------
    part : ScoredIndex
        The chunks.
    part_stages : sequence of Stage
        The choices that the other retriever leaves open.
    owners : ndarray of shape (n_chunks,), int64
        The passage of each chunk.
    passage_hashes : ndarray of shape (n_passages,), uint64
        The order of equal scores.
    """

    part: ScoredIndex
    part_stages: Sequence[Stage]
    owners: np.ndarray
    passage_hashes: np.ndarray
    export_format: ClassVar[str] = "chunks"

    @property
    def n_bytes(self) -> int:
        """Memory of all chunks."""
        return self.part.n_bytes

    @property
    def details(self) -> dict[str, Any]:
        """Say how many chunks there are."""
        return {"n_chunks": len(self.owners), "chunks_per_passage": len(self.owners) / len(self.passage_hashes)}

    @property
    def unstored(self) -> ChunkedIndex:
        """The same, computing again what the other retriever has in store."""
        return replace(self, part=open_unstored(self.part))

    @property
    def stages(self) -> list[Stage]:
        """The choices that the other retriever leaves open, made by rankings of passages."""
        return [Stage(stage.settings, partial(self._rank_by, stage.settings)) for stage in self.part_stages]

    def at(self, setting: Setting) -> ChunkedIndex:
        """The same chunks with another setting of the other retriever."""
        return replace(self, part=open_with(self.part, setting))

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        """Find the best passages of each query: see `search_scored`."""
        return self.search_scored(queries, k).passages

    def search_scored(self, queries: Sequence[str], k: int, among: sp.csr_array | None = None) -> Hits:
        """Find the passages with the best chunks; equal ones are in the order of `TieOrder`, whatever their chunks are.

        Parameters
        ----------
        queries : sequence of str
            Texts.
        k : int
            Passages to find for each.
        among : csr_array of shape (n_queries, n_passages), bool, optional
            The passages that may be found; all by default.
        """
        ties = TieOrder(hashes(queries), self.passage_hashes)
        of_chunks = None if among is None else sp.csr_array(among)[:, self.owners]
        if isinstance(self.part, ScoringIndex):
            first_chunks = np.flatnonzero(np.diff(self.owners, prepend=-1))
            of_all = self.part.score_all(queries, of_chunks)
            best = ((rows, np.maximum.reduceat(scores, first_chunks, axis=1)) for rows, scores in of_all)
            return rank_scores(best, k, ties, among)
        return self._search_lists(queries, min(k, len(self.passage_hashes)), ties, of_chunks)

    def _search_lists(self, queries: Sequence[str], k: int, ties: TieOrder, of_chunks: sp.csr_array | None) -> Hits:
        """Find them by lists of the best chunks, that grow until no other passage may be among the first ``k``."""
        n_chunks = len(self.owners)
        hits = Hits(np.full((len(queries), k), -1, dtype=np.int64), np.full((len(queries), k), NOTHING))
        waiting, n_asked = np.arange(len(queries)), min(_GROWTH * k, n_chunks)
        while len(waiting):
            found = self.part.search_scored(
                _take(queries, waiting), n_asked, None if of_chunks is None else of_chunks[waiting]
            )
            unsure = []
            for row, chunks, scores in zip(waiting.tolist(), found.passages, found.scores, strict=True):
                passages, best, is_sure = self._best_of_passages(chunks, scores, k, n_asked == n_chunks)
                if not is_sure:
                    unsure.append(row)
                    continue
                order = np.lexsort((ties.keys(row, passages), -best))[:k]
                hits.passages[row, : len(order)], hits.scores[row, : len(order)] = passages[order], best[order]
            waiting, n_asked = np.array(unsure, dtype=np.int64), min(_GROWTH * n_asked, n_chunks)
        return hits

    def _best_of_passages(
        self, chunks: np.ndarray, scores: np.ndarray, k: int, is_all: bool
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """Give the passages of some chunks, the best score of each, and whether no other may be among the first ``k``."""
        n_found = int((chunks >= 0).sum())
        passages, first = np.unique(self.owners[chunks[:n_found]], return_index=True)
        best = scores[first]
        if is_all or n_found < len(chunks):
            return passages, best, True
        # A passage whose chunks were not found scores at most what the last one does.
        return passages, best, len(best) >= k and float(np.sort(best)[-k]) > scores[-1]

    def _rank_by(
        self,
        settings: Sequence[Setting],
        before: Setting,
        queries: Sequence[str],
        k: int,
        among: sp.csr_array | None = None,
    ) -> Iterator[np.ndarray]:
        for setting in settings:
            yield self.at({**before, **setting}).search_scored(queries, k, among).passages

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write the index of the chunks in a folder of its own, and the passage of each."""
        write_embedding(self.part, folder / _PART)
        write_parquet(pa.table({"passage": self.owners}), folder / _CHUNKS)
        write_parquet(pa.table({"hash": self.passage_hashes}), folder / _PASSAGES)
        return {}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> ChunkedIndex:
        """Read the index that `write_state` wrote; nothing is left open."""
        chunks = read_parquet(folder / _CHUNKS, columns=("passage",), remedy=EXPORT_AGAIN)
        passages = read_parquet(folder / _PASSAGES, columns=("hash",), remedy=EXPORT_AGAIN)
        return cls(read_embedding(folder / _PART), (), chunks["passage"].to_numpy(), passages["hash"].to_numpy())


def _take(texts: Sequence[str], rows: np.ndarray) -> Sequence[str]:
    if len(rows) == len(texts):
        return texts
    return texts.take(rows) if isinstance(texts, Texts) else [texts[row] for row in rows.tolist()]
