"""BM25, the sparse baseline of retrieval (Robertson et al. 1994), by bm25s on the project's own tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import bm25s
import numpy as np

from emb_pipeline.embeddings.options import Bm25Options
from emb_pipeline.embeddings.ranking import TieOrder, hashes, largest
from emb_pipeline.text.texts import Texts


@dataclass(frozen=True)
class Bm25:
    """Lucene's BM25 over the tokens that all embeddings share: no stop words are removed, nothing is stemmed.

    Published figures differ by their tokenisers, so this one is fixed.
    """

    options: Bm25Options = field(default_factory=Bm25Options)

    def index(self, passages: Sequence[str]) -> Bm25Index:
        """These passages, ready to be searched; `Texts` bring their tokens along."""
        index = bm25s.BM25(k1=self.options.k1, b=self.options.b, method="lucene")
        index.index(_tokens(passages), show_progress=False)
        return Bm25Index(index, hashes(passages))


@dataclass(frozen=True, eq=False)
class Bm25Index:
    """Weights of all words of some passages.

    Attributes
    ----------
    weights : bm25s.BM25
    passage_hashes : ndarray of shape (n_passages,), uint64
        What equal scores are ordered by.
    """

    weights: bm25s.BM25
    passage_hashes: np.ndarray

    @property
    def n_bytes(self) -> int:
        """Memory of the weights and of where they stand."""
        return sum(int(self.weights.scores[name].nbytes) for name in ("data", "indices", "indptr"))

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        """The best passages of each query.

        Parameters
        ----------
        queries : sequence of str
            Texts; `Texts` bring their tokens along.
        k : int
            Passages to find for each query.

        Returns
        -------
        ndarray of shape (n_queries, min(k, n_passages)), int64
            Indices of passages, best first; equal scores in the order of `TieOrder`.
        """
        n_passages = len(self.passage_hashes)
        k = min(k, n_passages)
        ties = TieOrder(hashes(queries), self.passage_hashes)
        found = np.empty((len(queries), k), dtype=np.int64)
        for row, query in enumerate(_tokens(queries)):
            known = [token for token in query if token in self.weights.vocab_dict]
            scores = self.weights.get_scores(known) if known else np.zeros(n_passages, dtype=np.float32)
            found[row] = largest(scores[None], k, ties.take(slice(row, row + 1)))[0]
        return found


def _tokens(texts: Sequence[str]) -> list[list[str]]:
    return (texts if isinstance(texts, Texts) else Texts(texts)).tokens
