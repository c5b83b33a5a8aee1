"""BM25, the sparse baseline of retrieval (Robertson et al. 1994), by bm25s on the project's own tokens."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import bm25s
import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.embeddings.export import EXPORT_AGAIN
from emb_pipeline.embeddings.protocols import Setting
from emb_pipeline.embeddings.ranking import TieOrder, hashes, split_rows
from emb_pipeline.embeddings.retrieval.hits import NOTHING, Hits, rank_scores
from emb_pipeline.embeddings.retrieval.options import Bm25Options
from emb_pipeline.embeddings.retrieval.terms import Analyzer, build_analyzer
from emb_pipeline.embeddings.retrieval.variants import FORMULAS
from emb_pipeline.errors import DataError
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet

_TERMS, _PASSAGES = "terms.parquet", "passages.parquet"
K1, B = (1.5, 0.9, 2.0, 3.0), (0.75, 0.9, 1.0, 0.5, 0.25)
"""Values that are tried, the usual one first [1]_.

References
----------
.. [1] Robertson & Zaragoza (2009), The Probabilistic Relevance Framework: BM25 and Beyond, section 3.4.
"""


@dataclass(frozen=True)
class Bm25:
    """BM25 over the tokens that all embeddings share; Lucene's formula, all words and no stems where options say nothing.

    Published figures differ by their tokenizers, so this one is fixed; stop words and stems are options.
    """

    options: Bm25Options = field(default_factory=Bm25Options)

    @property
    def settings(self) -> list[Setting]:
        """All pairs of k1 and b that the options leave open, the usual one first."""
        tried = (K1 if self.options.k1 is None else (self.options.k1,)), (B if self.options.b is None else (self.options.b,))
        return [{"k1": k1, "b": b} for k1, b in itertools.product(*tried)]

    def index(self, passages: Sequence[str]) -> Bm25Index:
        """Index passages, with the first setting; `Texts` bring their tokens along.

        Raises
        ------
        DataError
            No passage has a word that is no stop word.
        """
        analyze = build_analyzer(self.options)
        terms = analyze(passages)
        if not any(terms):
            fewer, none = "set methods.bm25.stop_words to none, or to fewer words", "leave bm25 out of the grid"
            remedy = none if self.options.stop_words == "none" else fewer
            raise DataError("bm25", f"none of {len(terms)} passages has a word to search by", remedy)
        # With k1 = 1 and b = 0 a weight is idf * count / (count + 1): what any other setting is computed from.
        weights = bm25s.BM25(k1=1, b=0, method="lucene", dtype="float64")
        weights.index(terms, show_progress=False)
        n_holding = np.diff(weights.scores["indptr"])
        idf = np.repeat(FORMULAS["lucene"].idf(len(terms), n_holding), n_holding)
        counts = np.rint(weights.scores["data"] / (idf - weights.scores["data"]))
        lengths = np.array([len(each) for each in terms], dtype=np.float64)
        made = Bm25Index(
            self.options,
            analyze,
            weights,
            hashes(passages),
            FORMULAS[self.options.variant].idf(len(terms), np.maximum(n_holding, 1)),
            counts,
            lengths / max(float(lengths.mean()), 1e-9),
        )
        return made.at(self.settings[0])


@dataclass(frozen=True, eq=False)
class Bm25Index:
    """Weights of all words of some passages.

    Attributes
    ----------
    options : Bm25Options
    analyze : callable
        Takes texts and gives the terms of each.
    weights : bm25s.BM25
    passage_hashes : ndarray of shape (n_passages,), uint64
        The order of equal scores.
    idf : ndarray of shape (n_words,), float64
        Inverse document frequency of each word.
    counts : ndarray of shape (n_weights,), float64
        How often the passage of each weight has its word.
    relative_lengths : ndarray of shape (n_passages,), float64
        Words of each passage, over their mean.
    """

    options: Bm25Options
    analyze: Analyzer
    weights: bm25s.BM25
    passage_hashes: np.ndarray
    idf: np.ndarray
    counts: np.ndarray
    relative_lengths: np.ndarray
    export_format: ClassVar[str] = "bm25"

    def at(self, setting: Setting) -> Bm25Index:
        """The same passages with another k1 and b; nothing is counted again."""
        k1, b = setting["k1"], setting["b"]
        if k1 is None or b is None:
            raise ValueError(f"BM25 needs k1 and b, not {setting}")
        formula, delta = FORMULAS[self.options.variant], self.options.least_worth
        saturation = formula.saturation(
            self.counts, 1 - b + b * self.relative_lengths[self.weights.scores["indices"]], k1, delta
        )
        weights = copy.copy(self.weights)
        weights.k1, weights.b, weights.dtype = k1, b, "float32"
        if formula.absent:  # a passage without any word of a query scores 0, whatever the variant
            saturation = saturation - formula.absent(k1, delta)
        idf = np.repeat(self.idf, np.diff(self.weights.scores["indptr"]))
        weights.scores = {**weights.scores, "data": (idf * saturation).astype(np.float32)}
        return dataclasses.replace(self, weights=weights)

    @property
    def n_bytes(self) -> int:
        """Memory of the weights and of where they are."""
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
        return rank_scores(self.score_all(queries), k, TieOrder(hashes(queries), self.passage_hashes), among)

    def score_all(self, queries: Sequence[str], among: sp.csr_array | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """Add up the weights of each query's words in all passages."""
        # numba takes half a second to import; what does not search needs none.
        from emb_pipeline.embeddings.retrieval.bm25_kernels import add_weights

        starts, words, repeats = self._find_words(queries)
        weights = self.weights.scores
        for rows in split_rows(len(queries), len(self.passage_hashes)):
            scores = np.zeros((rows.stop - rows.start, len(self.passage_hashes)), dtype=np.float32)
            of_rows = starts[rows.start : rows.stop + 1]
            add_weights(of_rows, words, repeats, weights["indptr"], weights["indices"], weights["data"], scores)
            scores[scores <= 0] = NOTHING
            yield rows, scores

    def _find_words(self, queries: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the numbers of all queries' words that some passage has, where each query begins, and what each is worth.

        A word that a query has n times is worth n (k3 + 1) / (n + k3) times a word that it has once.
        """
        number_of, k3 = self.weights.vocab_dict, self.options.k3
        found = [Counter(number_of[term] for term in query if term in number_of) for query in self.analyze(queries)]
        starts = np.cumsum([0, *map(len, found)])
        words = np.fromiter(itertools.chain.from_iterable(found), dtype=np.int64, count=int(starts[-1]))
        counts = itertools.chain.from_iterable(each.values() for each in found)
        repeats = np.fromiter(counts, dtype=np.float32, count=int(starts[-1]))
        return starts, words, repeats if k3 is None else repeats * np.float32(k3 + 1) / (repeats + np.float32(k3))

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write two Parquet files: each term with the passages that hold it, and the lengths of the passages."""
        starts, words = self.weights.scores["indptr"], self.weights.vocab_dict
        terms = {
            "term": sorted(words, key=words.__getitem__)[: len(self.idf)],  # bm25s adds an empty one behind them
            "idf": self.idf,
            "passage": _make_lists(starts, self.weights.scores["indices"].astype(np.int32)),
            "count": _make_lists(starts, self.counts.astype(np.int32)),
        }
        write_parquet(pa.table(terms), folder / _TERMS)
        passages = {"hash": self.passage_hashes, "relative_length": self.relative_lengths}
        write_parquet(pa.table(passages), folder / _PASSAGES)
        return {"options": self.options.model_dump(mode="json"), "setting": {"k1": self.weights.k1, "b": self.weights.b}}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> Bm25Index:
        """Read the index that `write_state` wrote."""
        options = Bm25Options(**facts["options"])
        terms = read_parquet(folder / _TERMS, columns=("term", "idf", "passage", "count"), remedy=EXPORT_AGAIN)
        passages = read_parquet(folder / _PASSAGES, columns=("hash", "relative_length"), remedy=EXPORT_AGAIN)
        holders, counts = (terms[name].combine_chunks() for name in ("passage", "count"))
        weights = bm25s.BM25(method="lucene")
        weights.vocab_dict = {term: number for number, term in enumerate(terms["term"].to_pylist())}
        weights.scores = {
            "indices": np.array(holders.flatten()),  # Arrow's own memory is read-only, and another kernel would be compiled
            "indptr": np.array(holders.offsets),
            "num_docs": len(passages),
        }
        hashes_of_passages, lengths = (passages[name].to_numpy() for name in ("hash", "relative_length"))
        of_words = terms["idf"].to_numpy(), counts.flatten().to_numpy().astype(np.float64)
        made = cls(options, build_analyzer(options), weights, hashes_of_passages, *of_words, lengths)
        return made.at(facts["setting"])


def _make_lists(starts: np.ndarray, values: np.ndarray) -> pa.LargeListArray:
    return pa.LargeListArray.from_arrays(pa.array(starts.astype(np.int64)), pa.array(values))
