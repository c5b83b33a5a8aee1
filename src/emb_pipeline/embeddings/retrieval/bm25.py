"""BM25, the sparse baseline of retrieval (Robertson et al. 1994), by bm25s on the project's own tokens."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import bm25s
import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.ranking import TieOrder, hashes
from emb_pipeline.embeddings.retrieval.hits import NOTHING, Hits, take_best
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.text.texts import Texts

K1, B = (1.5, 0.9, 2.0, 3.0), (0.75, 0.9, 1.0, 0.5, 0.25)
"""Values that are tried, the usual one first [1]_.

References
----------
.. [1] Robertson & Zaragoza (2009), The Probabilistic Relevance Framework: BM25 and Beyond, section 3.4.
"""


@dataclass(frozen=True)
class Bm25:
    """Lucene's BM25 over the tokens that all embeddings share: no stop words are removed, nothing is stemmed.

    Published figures differ by their tokenisers, so this one is fixed.
    """

    options: Bm25Options = field(default_factory=Bm25Options)

    @property
    def settings(self) -> list[Setting]:
        """All pairs of k1 and b that the options leave open, the usual one first."""
        tried = (K1 if self.options.k1 is None else (self.options.k1,)), (B if self.options.b is None else (self.options.b,))
        return [{"k1": k1, "b": b} for k1, b in itertools.product(*tried)]

    def index(self, passages: Sequence[str]) -> Bm25Index:
        """Index passages, with the first setting; `Texts` bring their tokens along."""
        tokens = _tokens(passages)
        # With k1 = 1 and b = 0 a weight is idf * count / (count + 1): what any other setting is computed from.
        weights = bm25s.BM25(k1=1, b=0, method="lucene", dtype="float64")
        weights.index(tokens, show_progress=False)
        n_holding = np.diff(weights.scores["indptr"])
        idf = np.repeat(np.log(1 + (len(tokens) - n_holding + 0.5) / (n_holding + 0.5)), n_holding)
        counts = np.rint(weights.scores["data"] / (idf - weights.scores["data"]))
        lengths = np.array([len(each) for each in tokens], dtype=np.float64)
        made = Bm25Index(weights, hashes(passages), idf, counts, lengths / max(float(lengths.mean()), 1e-9))
        return made.at(self.settings[0])


@dataclass(frozen=True, eq=False)
class Bm25Index:
    """Weights of all words of some passages.

    Attributes
    ----------
    weights : bm25s.BM25
    passage_hashes : ndarray of shape (n_passages,), uint64
        The order of equal scores.
    idf, counts : ndarray of shape (n_weights,), float64
        Of the word of each weight: its inverse document frequency, and how often the passage has it.
    relative_lengths : ndarray of shape (n_passages,), float64
        Words of each passage, over their mean.
    """

    weights: bm25s.BM25
    passage_hashes: np.ndarray
    idf: np.ndarray
    counts: np.ndarray
    relative_lengths: np.ndarray

    def at(self, setting: Setting) -> Bm25Index:
        """The same passages with another k1 and b; nothing is counted again."""
        k1, b = setting["k1"], setting["b"]
        if k1 is None or b is None:
            raise ValueError(f"BM25 needs k1 and b, not {setting}")
        held_back = k1 * (1 - b + b * self.relative_lengths[self.weights.scores["indices"]])
        weights = copy.copy(self.weights)
        weights.k1, weights.b, weights.dtype = k1, b, "float32"
        weights.scores = {**weights.scores, "data": (self.idf * self.counts / (self.counts + held_back)).astype(np.float32)}
        return Bm25Index(weights, self.passage_hashes, self.idf, self.counts, self.relative_lengths)

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
        return self.search_scored(queries, k).passages

    def search_scored(self, queries: Sequence[str], k: int, among: sp.csr_array | None = None) -> Hits:
        """Find the same with their scores; nothing is found in a passage without a word of the query."""
        n_passages = len(self.passage_hashes)
        k = min(k, n_passages)
        ties = TieOrder(hashes(queries), self.passage_hashes)
        found = Hits(np.empty((len(queries), k), dtype=np.int64), np.empty((len(queries), k)))
        for row, query in enumerate(_tokens(queries)):
            one = slice(row, row + 1)
            known = [token for token in query if token in self.weights.vocab_dict]
            scores = self.weights.get_scores(known) if known else np.zeros(n_passages, dtype=np.float32)
            best = take_best(scores[None], k, ties.take(one), None if among is None else among[one])
            found.passages[row] = best.passages[0]
            found.scores[row] = np.where(best.scores[0] > 0, best.scores[0], NOTHING)
        return found


def _tokens(texts: Sequence[str]) -> list[list[str]]:
    return (texts if isinstance(texts, Texts) else Texts(texts)).tokens
