"""Several retrievers as one: their rankings, or their scores, are added up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from emb_pipeline.embeddings.export import EXPORT_AGAIN, read_embedding, write_embedding
from emb_pipeline.embeddings.protocols import ScoredIndex, Setting, Stage
from emb_pipeline.embeddings.ranking import TieOrder, hashes
from emb_pipeline.embeddings.retrieval.hits import NOTHING, Hits
from emb_pipeline.embeddings.retrieval.options import FusionOptions
from emb_pipeline.embeddings.retrieval.stages import add_prefix, list_stages, open_with, require_scored, select_prefixed
from emb_pipeline.embeddings.retrieval.vector_searcher import make_searcher, open_unstored
from emb_pipeline.storage.sealed_files import read_parquet, write_parquet

_PASSAGES = "passages.parquet"
_DECIMALS = 10
"""Fused scores are compared to this precision: sums in another order must not break ties."""
_RANK_CONSTANT = 60
"""Constant of the ranks by which passages below all lists are put in order."""


class Fusion:
    """Retrievers whose lists are fused.

    Parameters
    ----------
    options : FusionOptions
        The rule, its constants, and how much of each list counts.
    bases : mapping of str to encoder or searcher
        The retrievers, by their names.

    Raises
    ------
    ValueError
        Weights are given, but not one for each retriever.
    """

    def __init__(self, options: FusionOptions, bases: Mapping[str, Any]) -> None:
        options.check_bases(len(bases))
        self.options = options
        self.parts = {name: make_searcher(base) for name, base in bases.items()}

    def index(self, passages: Sequence[str]) -> FusedIndex:
        """Index the passages with each retriever."""
        parts = {name: require_scored(part.index(passages), name) for name, part in self.parts.items()}
        stages = {name: list_stages(self.parts[name], parts[name]) for name in parts}
        weights = list_weights(self.options, len(parts))
        return FusedIndex(self.options, parts, stages, weights[0], hashes(passages))


def list_weights(options: FusionOptions, n_parts: int) -> list[tuple[float, ...]]:
    """List the weights to choose among: those of a grid on the simplex, the most equal ones first.

    Weights that are given, and those of reciprocal ranks, leave nothing to choose.
    """
    if options.rule == "rrf":
        return [(1.0,) * n_parts]
    if options.weights is not None:
        return [tuple(weight / sum(options.weights) for weight in options.weights)]
    steps = options.weight_steps
    counts = (each for each in itertools.product(range(steps + 1), repeat=n_parts) if sum(each) == steps)
    ordered = sorted(counts, key=lambda each: sum((n_parts * count - steps) ** 2 for count in each))
    return [tuple(count / steps for count in each) for each in ordered]


@dataclass(frozen=True, eq=False)
class FusedIndex:
    """Passages in the indexes of several retrievers.

    Attributes
    ----------
    options : FusionOptions
        The rule.
    parts : mapping of str to ScoredIndex
        The retrievers' indexes, by their names.
    part_stages : mapping of str to list of Stage
        The choices that they leave open.
    weights : tuple of float
        Of the parts, in their order.
    passage_hashes : ndarray of shape (n_passages,), uint64
        The order of equal scores.
    """

    options: FusionOptions
    parts: Mapping[str, ScoredIndex]
    part_stages: Mapping[str, Sequence[Stage]]
    weights: tuple[float, ...]
    passage_hashes: np.ndarray
    export_format: ClassVar[str] = "fusion"

    @property
    def n_bytes(self) -> int:
        """Memory of all indexes."""
        return sum(part.n_bytes for part in self.parts.values())

    @property
    def unstored(self) -> FusedIndex:
        """The same, computing again what the parts have in store."""
        return replace(self, parts={name: open_unstored(part) for name, part in self.parts.items()})

    @property
    def stages(self) -> list[Stage]:
        """The parts' own choices, then the weights."""
        of_parts = [add_prefix(stage, name) for name, stages in self.part_stages.items() for stage in stages]
        weights = list_weights(self.options, len(self.parts))
        return [*of_parts, Stage([self._name_weights(each) for each in weights], self._rank_by_weights)]

    def at(self, setting: Setting) -> FusedIndex:
        """The same passages, with other weights or other settings of the parts."""
        parts = {name: open_with(part, select_prefixed(setting, name)) for name, part in self.parts.items()}
        given = [setting.get(f"{name} weight") for name in self.parts]
        weights = self.weights if None in given else tuple(float(weight or 0) for weight in given)
        return replace(self, parts=parts, weights=weights)

    def search(self, queries: Sequence[str], k: int) -> np.ndarray:
        """Find the best passages of each query: see `search_scored`."""
        return self.search_scored(queries, k).passages

    def search_scored(self, queries: Sequence[str], k: int, among: sp.csr_array | None = None) -> Hits:
        """Fuse the parts' lists.

        A passage below the depth of all lists comes after those within it, in the order of its ranks there.
        """
        k = min(k, len(self.passage_hashes))
        return self._pool(queries, k, among).fuse(self.weights, k)

    def _rank_by_weights(
        self, before: Setting, queries: Sequence[str], k: int, among: sp.csr_array | None = None
    ) -> Iterator[np.ndarray]:
        k = min(k, len(self.passage_hashes))
        pool = self.at(before)._pool(queries, k, among)
        for weights in list_weights(self.options, len(self.parts)):
            yield pool.fuse(weights, k).passages

    def _name_weights(self, weights: Sequence[float]) -> Setting:
        return {f"{name} weight": weight for name, weight in zip(self.parts, weights, strict=True)}

    def _pool(self, queries: Sequence[str], k: int, among: sp.csr_array | None) -> _Pool:
        n_asked = max(k, self.options.depth)
        lists = [part.search_scored(queries, n_asked, among) for part in self.parts.values()]
        return _Pool.of(lists, self.options, TieOrder(hashes(queries), self.passage_hashes))

    def write_state(self, folder: Path) -> dict[str, Any]:
        """Write each part in a folder of its own, by its number."""
        for number, part in enumerate(self.parts.values()):
            write_embedding(part, folder / str(number))
        write_parquet(pa.table({"hash": self.passage_hashes}), folder / _PASSAGES)
        return {"options": self.options.model_dump(mode="json"), "parts": list(self.parts), "weights": self.weights}

    @classmethod
    def read_state(cls, folder: Path, facts: Mapping[str, Any]) -> FusedIndex:
        """Read the index that `write_state` wrote; its parts leave nothing open."""
        parts = {name: read_embedding(folder / str(number)) for number, name in enumerate(facts["parts"])}
        table = read_parquet(folder / _PASSAGES, columns=("hash",), remedy=EXPORT_AGAIN)
        options, weights = FusionOptions(**facts["options"]), tuple(facts["weights"])
        return cls(options, parts, {}, weights, table["hash"].to_numpy())


@dataclass(frozen=True, eq=False)
class _Pool:
    """The passages of all lists, with what each list adds to their scores.

    Attributes
    ----------
    passages : ndarray of shape (n_queries, n_pooled), int64
        In the order of equal fused scores; -1 behind the end.
    values : ndarray of shape (n_parts, n_queries, n_pooled), float64
    is_found : ndarray of shape (n_queries, n_pooled), bool
        Whether some list has more of it than a place at random.
    """

    passages: np.ndarray
    values: np.ndarray
    is_found: np.ndarray

    @classmethod
    def of(cls, lists: Sequence[Hits], options: FusionOptions, ties: TieOrder) -> _Pool:
        """Pool the lists of several retrievers."""
        n_queries, n_passages = len(ties.rows), max(len(ties.columns), 1)
        pairs = [np.arange(n_queries)[:, None] * n_passages + each.passages for each in lists]
        keys = np.unique(np.concatenate([pair[each.passages >= 0] for pair, each in zip(pairs, lists, strict=True)]))
        rows, passages = np.divmod(keys, n_passages)
        values, by_rank = np.empty((len(lists), len(keys))), np.zeros(len(keys))
        for number, (each, pair) in enumerate(zip(lists, pairs, strict=True)):
            is_found = (each.passages >= 0) & (each.scores > NOTHING)
            found, missing = _rate(each, is_found, options)
            counts = is_found & (np.arange(each.passages.shape[1]) < options.depth)
            values[number] = missing[rows]
            values[number, np.searchsorted(keys, pair[counts])] = found[counts]
            ranks = np.broadcast_to(np.arange(1, each.passages.shape[1] + 1), pair.shape)
            by_rank[np.searchsorted(keys, pair[is_found])] += 1 / (_RANK_CONSTANT + ranks[is_found])
        order = np.lexsort((ties.keys(rows, passages), -np.round(by_rank, _DECIMALS), rows))
        sizes = np.bincount(rows, minlength=n_queries)
        places = np.arange(len(keys)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        shape = (n_queries, max(int(sizes.max(initial=0)), lists[0].passages.shape[1]))
        made = cls(np.full(shape, -1, dtype=np.int64), np.full((len(lists), *shape), NOTHING), np.zeros(shape, dtype=bool))
        made.passages[rows, places] = passages[order]
        made.values[:, rows, places] = values[:, order]
        made.is_found[rows, places] = by_rank[order] > 0
        return made

    def fuse(self, weights: Sequence[float], k: int) -> Hits:
        """Order the pool by weighted sums."""
        scores = np.zeros(self.passages.shape)
        for weight, values in zip(weights, self.values, strict=True):
            if weight:
                scores += weight * values
        scores = np.where(self.is_found, np.round(scores, _DECIMALS), NOTHING)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return Hits(np.take_along_axis(self.passages, order, axis=1), np.take_along_axis(scores, order, axis=1))


def _rate(hits: Hits, is_found: np.ndarray, options: FusionOptions) -> tuple[np.ndarray, np.ndarray]:
    """Rate each place of a list, and a passage that is not in it: shapes (n_queries, n_hits) and (n_queries,).

    By reciprocal ranks [1]_ a place counts 1 / (k + rank), a missing passage 0. Normalized scores are those of the list's
    first places, ``depth`` of them; a missing passage counts as much as the last of these [2]_.

    References
    ----------
    .. [1] Cormack, Clarke & Buettcher (2009), Reciprocal rank fusion outperforms Condorcet and individual rank learning
       methods, SIGIR.
    .. [2] Lee (1997), Analyses of multiple evidence combination, SIGIR (min-max); Montague & Aslam (2001), Relevance score
       normalization for metasearch, CIKM (zero mean, unit variance).
    """
    n_queries, n_hits = hits.passages.shape
    if options.rule == "rrf":
        ranks = np.arange(1, n_hits + 1)
        return np.broadcast_to(1 / (options.k + ranks), (n_queries, n_hits)), np.zeros(n_queries)
    counts = is_found & (np.arange(n_hits) < options.depth)
    n_counted = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    scores = np.where(counts, hits.scores, 0.0)
    lowest = np.min(hits.scores, axis=1, where=counts, initial=np.inf, keepdims=True)
    highest = np.max(hits.scores, axis=1, where=counts, initial=-np.inf, keepdims=True)
    lowest, highest = np.where(np.isfinite(lowest), lowest, 0.0), np.where(np.isfinite(highest), highest, 0.0)
    if options.normalize == "min_max":
        shift, spread = lowest, highest - lowest
    else:
        shift = scores.sum(axis=1, keepdims=True) / n_counted
        spread = np.sqrt(np.where(counts, (scores - shift) ** 2, 0.0).sum(axis=1, keepdims=True) / n_counted)
    spread = np.where(spread > 0, spread, np.inf)  # a list of equal scores says nothing
    return (scores - shift) / spread, ((lowest - shift) / spread)[:, 0]
