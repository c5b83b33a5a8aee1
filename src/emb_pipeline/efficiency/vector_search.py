"""The price of approximate search: recall, time, memory and the task's own metric at each setting of an index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import scipy.sparse as sp

from emb_pipeline.efficiency.latency import measure_latencies
from emb_pipeline.efficiency.options import IndexOptions, VectorSearchOptions
from emb_pipeline.efficiency.sign_bits import SignBits

TIE = 1e-5
"""Scores that differ by less are equal: two engines add in different orders."""
FALL = 0.01
"""A recall that falls by more where the search looks at more is no noise: the queries are the same."""
REACHED = 0.99
"""An index that keeps whole vectors must find so many of the nearest when it looks at everything."""


Product: TypeAlias = Literal["cosine", "dot"]
"""The measure by which a vector store compares vectors."""


class Collection(Protocol):
    """A vector store that holds one collection."""

    def replace(
        self,
        ids: Sequence[str],
        vectors: np.ndarray,
        properties: Sequence[Mapping[str, Any]],
        product: Product = "cosine",
    ) -> None:
        """Hold these vectors and no others, to be compared by their cosines or their dot products."""

    def build_index(self, index_type: str, params: Mapping[str, Any]) -> None:
        """Index them."""

    def find_nearest(self, vectors: np.ndarray, k: int, params: Mapping[str, Any], filters: str = "") -> list[list[str]]:
        """Find the ids of the nearest, best first."""
        ...

    def index_bytes(self) -> int | None:
        """Count the bytes of the index."""
        ...


class WordStore(Protocol):
    """A store that searches by words and by sparse vectors."""

    def replace_texts(
        self, texts: Sequence[str], vectors: np.ndarray, setting: Mapping[str, float], product: Product
    ) -> None:
        """Hold these texts, for BM25 with this k1 and b, with a dense vector of each."""

    def replace_sparse(self, vectors: sp.csr_array) -> None:
        """Hold these sparse vectors, to be compared by their dot products."""

    def find_by_words(self, queries: Sequence[str] | sp.csr_array, k: int) -> np.ndarray:
        """Find the rows of the best for each query, a text or a sparse vector: (n_queries, k), -1 for none."""
        ...

    def find_by_both(self, queries: Sequence[str], vectors: np.ndarray, k: int) -> np.ndarray:
        """Find the best by words and by vectors, fused by reciprocal ranks: (n_queries, k)."""
        ...

    def count_bytes(self) -> int | None:
        """Count the bytes of the records on disk; None where a server keeps them."""
        ...

    def drop(self) -> None:
        """Leave nothing behind."""


FILTER, INSIDE = "drawn", "drawn == true"
"""Property of a record, and the filter that lets a drawn share of them through."""


@dataclass(frozen=True, eq=False)
class Exact:
    """The result of an exact search, which approximate ones are compared with.

    Attributes
    ----------
    queries, passages : ndarray of shape (n, dim), float32
        Vectors whose dot products rank: of unit length for cosines.
    nearest : ndarray of shape (n_queries, k)
        Rows of the nearest passages, best first.
    inside : ndarray of shape (n_passages,), bool
        The passages that a filtered search is confined to.
    nearest_inside : ndarray of shape (n_queries, k)
        Rows of the nearest among them.
    """

    queries: np.ndarray
    passages: np.ndarray
    nearest: np.ndarray
    inside: np.ndarray
    nearest_inside: np.ndarray

    def recall(self, found: np.ndarray) -> float:
        """Share of the nearest passages among those found, -1 standing for none: see `recall`."""
        return recall(self.queries, self.passages, found, self.nearest)

    def recall_inside(self, found: np.ndarray) -> float:
        """The same of a filtered search for the first queries; what should have been kept out counts for nothing."""
        kept = np.where(self.inside[found], found, -1)
        return recall(self.queries[: len(found)], self.passages, kept, self.nearest_inside[: len(found)])


class Engine(Protocol):
    """A search of the passages of an `Exact`, by one index after the other."""

    @property
    def bytes_per_item(self) -> float:
        """Bytes of a vector, as it is kept next to the index."""
        ...

    def build_index(self, index_type: str, params: Mapping[str, Any]) -> None:
        """Index them."""

    def find_nearest(self, queries: np.ndarray, k: int, params: Mapping[str, Any], *, filtered: bool = False) -> np.ndarray:
        """Find the rows of the nearest, best first, -1 for none; where asked for, among those inside the filter."""
        ...

    def index_bytes(self) -> int | None:
        """Count the bytes of the index."""
        ...


@dataclass(frozen=True)
class InStore:
    """Passages in a vector store, by their rows.

    Attributes
    ----------
    collection : Collection
        Holds them, with the property `FILTER`.
    row_of : mapping of str to int
        Their rows, by what they are called there.
    bytes_per_item : float
        Of a vector.
    """

    collection: Collection
    row_of: Mapping[str, int]
    bytes_per_item: float

    def build_index(self, index_type: str, params: Mapping[str, Any]) -> None:
        """Index them."""
        self.collection.build_index(index_type, params)

    def find_nearest(self, queries: np.ndarray, k: int, params: Mapping[str, Any], *, filtered: bool = False) -> np.ndarray:
        """Find the rows of the nearest, -1 standing for none."""
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        for row, names in enumerate(self.collection.find_nearest(queries, k, params, INSIDE if filtered else "")):
            rows[row, : len(names)] = [self.row_of[name] for name in names]
        return rows

    def index_bytes(self) -> int | None:
        """Count the bytes of the index."""
        return self.collection.index_bytes()


class InProcess:
    """Passages as bits in this process, searched by Hamming distance: an `Engine` for a `HammingIndex`.

    Parameters
    ----------
    exact : Exact
        Their vectors, and which of them are inside the filter.
    """

    def __init__(self, exact: Exact) -> None:
        self._exact = exact

    def build_index(self, index_type: str, params: Mapping[str, Any]) -> None:
        """Take the bits, and store the vectors in the precision that the parameters name."""
        self._index = SignBits.of(self._exact.passages, params["precision"])

    def find_nearest(self, queries: np.ndarray, k: int, params: Mapping[str, Any], *, filtered: bool = False) -> np.ndarray:
        """Find the rows of the nearest, -1 standing for none."""
        return self._index.find_nearest(queries, k, params["candidates"], self._exact.inside if filtered else None)

    @property
    def bytes_per_item(self) -> float:
        """Bytes of a vector as it is stored next to its bits."""
        return self._index.bytes_per_item

    def index_bytes(self) -> int | None:
        """Bytes of all bits."""
        return self._index.index_bytes


def recall(queries: np.ndarray, passages: np.ndarray, found: np.ndarray, nearest: np.ndarray) -> float:
    """Measure the share of the nearest passages that were found.

    One that is as near as the farthest of them counts as one of them.

    Parameters
    ----------
    queries, passages : ndarray of shape (n, dim), float32
        Vectors whose dot products rank: of unit length for cosines.
    found : ndarray of shape (n_queries, n_found)
        Rows of passages, each once; -1 where nothing was found.
    nearest : ndarray of shape (n_queries, k)
        Rows of the nearest, best first.
    """
    farthest = np.einsum("qd,qd->q", queries, passages[nearest[:, -1]])
    scores = np.einsum("qd,qkd->qk", queries, passages[found])
    hits = (found >= 0) & (scores >= farthest[:, None] - TIE)
    return float(np.minimum(hits.sum(axis=1) / nearest.shape[1], 1).mean())


def measure_operating_points(
    collection: Collection | None, ids: Sequence[str], exact: Exact, options: VectorSearchOptions
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Build each index over the same passages, and search with each of its settings.

    Parameters
    ----------
    collection : Collection or None
        Holds the passages of ``exact``, with the property `FILTER`; not needed where all indexes are `IN_PROCESS`.
    ids : sequence of str
        What their rows are called there.
    exact : Exact
        Vectors, and what an exact search finds.
    options : VectorSearchOptions
        Indexes and requests.

    Yields
    ------
    point : dict
        index, in_store, build (dict), build_seconds, index_bytes, bytes_per_item, parameter, setting, recall,
        queries_per_second of all queries in one call, latency_ms_p50, _p95 and _p99 of single ones; at an index's last
        setting also filtered_recall, filtered_latency_ms_p50 and _p95.
    found : ndarray of shape (n_queries, k)
        Rows of the passages that were found; -1 where none was.

    Raises
    ------
    ValueError
        An index of a vector store, and no collection.
    """
    k, n_items = exact.nearest.shape[1], len(exact.passages)
    single = [query[None] for query in exact.queries[: options.requests]]
    for index in options.indexes:
        build = index.build_params(n_items)
        engine = _build_engine(index, collection, ids, exact)
        started = perf_counter()
        engine.build_index(index.index, build)
        seconds, size = perf_counter() - started, engine.index_bytes()
        built = {
            "index": index.index,
            "in_store": index.in_store,
            "build": build,
            "build_seconds": seconds,
            "index_bytes": size,
            "bytes_per_item": engine.bytes_per_item,
        }
        settings = index.list_settings(n_items)
        for place, (name, value) in enumerate(settings):
            params = {name: value} if name else {}
            started = perf_counter()
            found = engine.find_nearest(exact.queries, k, params)
            rate = len(exact.queries) / (perf_counter() - started)
            times = measure_latencies(partial(engine.find_nearest, k=k, params=params), single)
            point = {**built, "parameter": name, "setting": value, "recall": exact.recall(found)}
            point.update({"queries_per_second": rate, **times})
            if place == len(settings) - 1:
                confined = partial(engine.find_nearest, k=k, params=params, filtered=True)
                times = measure_latencies(confined, single)
                point["filtered_recall"] = exact.recall_inside(confined(exact.queries[: options.requests]))
                point.update({f"filtered_{name}": times[name] for name in ("latency_ms_p50", "latency_ms_p95")})
            yield point, found


def _build_engine(index: IndexOptions, collection: Collection | None, ids: Sequence[str], exact: Exact) -> Engine:
    if not index.in_store:
        return InProcess(exact)
    if collection is None:
        raise ValueError(f"{index.index} is an index of a vector store, and there is none")
    row_of = {name: row for row, name in enumerate(ids)}
    return InStore(collection, row_of, exact.passages.nbytes / len(exact.passages))


def find_curve_fault(recalls: Sequence[float], *, keeps_whole_vectors: bool) -> str | None:
    """Find the fault of an index whose recall does not follow its search parameter; None where there is none.

    Parameters
    ----------
    recalls : sequence of float
        By rising search parameter.
    keeps_whole_vectors : bool
        Whether looking at everything must find (nearly) everything.
    """
    falls = [(before, after) for before, after in pairwise(recalls) if after < before - FALL]
    if falls:
        before, after = falls[0]
        return f"recall falls from {before:.3f} to {after:.3f} where the search looks at more"
    if len(recalls) > 1 and recalls[-1] <= recalls[0] and recalls[-1] < REACHED:
        return f"recall stays at {recalls[-1]:.3f} whatever the search looks at"
    if keeps_whole_vectors and recalls[-1] < REACHED:
        return f"recall ends at {recalls[-1]:.3f}, though whole vectors are kept"
    return None
