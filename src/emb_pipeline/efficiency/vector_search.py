"""What approximate search costs and loses: recall, time, memory and the task's own metric at each setting of an index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from emb_pipeline.efficiency.latency import latencies_ms

TIE = 1e-5
"""Cosines that differ by less are equal: two engines add in different orders."""
FALL = 0.01
"""A recall that falls by more where the search looks at more is no noise: the queries are the same."""
REACHED = 0.99
"""An index that keeps whole vectors must find so many of the nearest when it looks at everything."""


class _Index(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def keeps_whole_vectors(self) -> bool:
        """Whether distances are exact, so that a search that looks at everything is exact, too."""
        return True

    def build_params(self, n_items: int) -> dict[str, Any]:
        """What the index is built with, for a collection of so many items."""
        return {}

    def settings(self, n_items: int) -> list[tuple[str, int | None]]:
        """The search parameter's name and values, those that look at more later."""
        return [("", None)]


def _ascending(values: tuple[int, ...]) -> tuple[int, ...]:
    if list(values) != sorted(set(values)):
        raise ValueError(f"{', '.join(map(str, values))} do not rise")
    return values


class FlatIndex(_Index):
    """Every vector is compared."""

    index: Literal["FLAT"]


class InvertedFileIndex(_Index):
    """Vectors in lists around centres; a search looks into the nearest lists."""

    index: Literal["IVF_FLAT", "IVF_SQ8", "IVF_PQ", "IVF_RABITQ"] = Field(
        description="whole vectors, 8-bit integers, product quantisation, a bit for each number; the last two on a server"
    )
    nlist: int = Field(default=64, ge=1, le=65_536, description="lists; at most one for each vector")
    nprobe: tuple[int, ...] = Field(default=(1, 4, 16, 64), min_length=1, description="lists to look into, from few to many")
    m: int | None = Field(default=None, ge=1, description="IVF_PQ: parts of a vector; they must divide its numbers")
    nbits: int | None = Field(default=None, ge=1, le=24, description="IVF_PQ: bits for each part")

    _rises = field_validator("nprobe")(_ascending)

    @property
    def keeps_whole_vectors(self) -> bool:
        """Whether distances are exact."""
        return self.index == "IVF_FLAT"

    def build_params(self, n_items: int) -> dict[str, Any]:
        """``nlist``, and what product quantisation needs."""
        given = {"m": self.m, "nbits": self.nbits}
        return {"nlist": min(self.nlist, n_items), **{name: value for name, value in given.items() if value is not None}}

    def settings(self, n_items: int) -> list[tuple[str, int | None]]:
        """Values of ``nprobe``, up to all lists."""
        lists = min(self.nlist, n_items)
        return [("nprobe", value) for value in dict.fromkeys(min(value, lists) for value in self.nprobe)]


class GraphIndex(_Index):
    """A graph of neighbours that a search walks [Malkov & Yashunin 2020, TPAMI 42(4)]."""

    index: Literal["HNSW"]
    links: int = Field(default=16, ge=2, le=2048, description="M: links of a vector on each layer")
    ef_construction: int = Field(default=100, ge=8, le=4096, description="candidates that a new vector is linked among")
    ef: tuple[int, ...] = Field(
        default=(10, 20, 50, 100, 400), min_length=1, description="candidates that a search keeps, from few to many"
    )

    _rises = field_validator("ef")(_ascending)

    def build_params(self, n_items: int) -> dict[str, Any]:
        """``M`` and ``efConstruction``."""
        return {"M": self.links, "efConstruction": self.ef_construction}

    def settings(self, n_items: int) -> list[tuple[str, int | None]]:
        """Values of ``ef``."""
        return [("ef", value) for value in self.ef]


Index = Annotated[FlatIndex | InvertedFileIndex | GraphIndex, Field(discriminator="index")]


class VectorSearchOptions(BaseModel):
    """Which embeddings are searched for with which indexes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    indexes: tuple[Index, ...] = Field(
        default=(), description="Milvus indexes, one after the other over the same vectors; none: no Milvus is needed"
    )
    embeddings: tuple[str, ...] = Field(
        default=(),
        description="<origin>.<embedding> to put into Milvus, the last of which stays there; none: of each task the best "
        "that has dense vectors",
    )
    beside: tuple[str, ...] = Field(
        default=(), description="embeddings whose exact search is timed beside, where they exist"
    )
    nearest: int = Field(default=10, ge=1, le=1000, description="passages to find for each query: recall@this")
    queries: int = Field(default=400, ge=2, description="queries that each setting is asked, drawn where there are more")
    requests: int = Field(
        default=30, ge=1, le=100_000, description="queries that are asked one by one, for their latency, and with a filter"
    )
    filter_share: float = Field(
        default=0.1, gt=0, lt=1, description="share of the passages that a filtered search is confined to, drawn by chance"
    )
    recall: float = Field(default=0.95, gt=0, le=1, description="what a setting must find of the nearest to be recommended")
    seed: int = Field(default=0, ge=0, description="of both draws")


class Collection(Protocol):
    """A vector store that holds one collection."""

    def replace(self, ids: Sequence[str], vectors: np.ndarray, properties: Sequence[Mapping[str, Any]]) -> None:
        """Hold these vectors and no others."""

    def build_index(self, index_type: str, params: Mapping[str, Any]) -> None:
        """Index them."""

    def nearest(self, vectors: np.ndarray, k: int, params: Mapping[str, Any], filters: str = "") -> list[list[str]]:
        """Ids of the nearest, best first."""
        ...

    def index_bytes(self) -> int | None:
        """Bytes of the index."""
        ...


FILTER, INSIDE = "drawn", "drawn == true"
"""Property of a record, and the filter that lets a drawn share of them through."""


@dataclass(frozen=True, eq=False)
class Exact:
    """What an exact search finds: what approximate ones are held against.

    Attributes
    ----------
    queries, passages : ndarray of shape (n, dim), float32
        Vectors of unit length.
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


def recall(queries: np.ndarray, passages: np.ndarray, found: np.ndarray, nearest: np.ndarray) -> float:
    """Share of the nearest passages that were found; one that is as near as the farthest of them counts as one of them.

    Parameters
    ----------
    queries, passages : ndarray of shape (n, dim), float32
        Vectors of unit length.
    found : ndarray of shape (n_queries, n_found)
        Rows of passages, each once; -1 where nothing was found.
    nearest : ndarray of shape (n_queries, k)
        Rows of the nearest, best first.
    """
    farthest = np.einsum("qd,qd->q", queries, passages[nearest[:, -1]])
    cosines = np.einsum("qd,qkd->qk", queries, passages[found])
    hits = (found >= 0) & (cosines >= farthest[:, None] - TIE)
    return float(np.minimum(hits.sum(axis=1) / nearest.shape[1], 1).mean())


def operating_points(
    collection: Collection, ids: Sequence[str], exact: Exact, options: VectorSearchOptions
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Build each index over what a collection holds, and search with each of its settings.

    Parameters
    ----------
    collection : Collection
        Holds the passages of ``exact``, with the property `FILTER`.
    ids : sequence of str
        What their rows are called there.
    exact : Exact
        Vectors, and what an exact search finds.
    options : VectorSearchOptions
        Indexes and requests.

    Yields
    ------
    point : dict
        index, build (dict), build_seconds, index_bytes, parameter, setting, recall, queries_per_second of all queries in
        one call, latency_ms_p50, _p95 and _p99 of single ones; at an index's last setting also filtered_recall,
        filtered_latency_ms_p50 and _p95.
    found : ndarray of shape (n_queries, k)
        Rows of the passages that were found; -1 where none was.
    """
    row_of = {name: row for row, name in enumerate(ids)}
    k, n_items = exact.nearest.shape[1], len(exact.passages)

    def found_by(vectors: np.ndarray, params: Mapping[str, Any], filters: str = "") -> np.ndarray:
        rows = np.full((len(vectors), k), -1, dtype=np.int64)
        for row, names in enumerate(collection.nearest(vectors, k, params, filters)):
            rows[row, : len(names)] = [row_of[name] for name in names]
        return rows

    def latencies(params: Mapping[str, Any], filters: str = "") -> dict[str, float]:
        def ask(vector: np.ndarray) -> Any:
            return collection.nearest(vector[None], k, params, filters)

        return latencies_ms(ask, list(exact.queries[: options.requests]))

    for index in options.indexes:
        build = index.build_params(n_items)
        started = perf_counter()
        collection.build_index(index.index, build)
        seconds, size = perf_counter() - started, collection.index_bytes()
        built = {"index": index.index, "build": build, "build_seconds": seconds, "index_bytes": size}
        settings = index.settings(n_items)
        for place, (name, value) in enumerate(settings):
            params = {name: value} if name else {}
            started = perf_counter()
            found = found_by(exact.queries, params)
            rate = len(exact.queries) / (perf_counter() - started)
            point = {**built, "parameter": name, "setting": value, "recall": exact.recall(found)}
            point.update({"queries_per_second": rate, **latencies(params)})
            if place == len(settings) - 1:
                times = latencies(params, INSIDE)
                point["filtered_recall"] = exact.recall_inside(found_by(exact.queries[: options.requests], params, INSIDE))
                point.update({f"filtered_{name}": times[name] for name in ("latency_ms_p50", "latency_ms_p95")})
            yield point, found


def curve_fault(recalls: Sequence[float], *, keeps_whole_vectors: bool) -> str | None:
    """What is wrong with an index whose recall does not follow its search parameter; None where nothing is.

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
