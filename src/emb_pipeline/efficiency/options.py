"""Options of vector search: the indexes that are tried, with their settings, and how each is measured."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from emb_pipeline.embeddings.compress.options import Precision

HammingName: TypeAlias = Literal["HAMMING", "HAMMING_FP16", "HAMMING_SQ8"]
IN_PROCESS = frozenset(get_args(HammingName))
"""Indexes that are searched in the process itself, without a vector store."""


class IndexOptions(BaseModel):
    """One index, with what it is built and searched with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: str

    @property
    def in_store(self) -> bool:
        """True where a vector store makes the index."""
        return self.index not in IN_PROCESS

    @property
    def keeps_whole_vectors(self) -> bool:
        """True where distances are exact, so that a search that looks at everything is exact, too."""
        return True

    def is_exhaustive(self, n_items: int) -> bool:
        """Tell if the last setting does, in a collection of so many items."""
        return True

    def build_params(self, n_items: int) -> dict[str, Any]:
        """Give the parameters to build the index with, for a collection of so many items."""
        return {}

    def list_settings(self, n_items: int) -> list[tuple[str, int | None]]:
        """List the search parameter's name and values, those that look at more later."""
        return [("", None)]


def _check_ascending(values: tuple[int, ...]) -> tuple[int, ...]:
    if list(values) != sorted(set(values)):
        raise ValueError(f"{', '.join(map(str, values))} do not rise")
    return values


class FlatIndex(IndexOptions):
    """Every vector is compared."""

    index: Literal["FLAT"]


class InvertedFileIndex(IndexOptions):
    """Vectors in lists around centres; a search looks into the nearest lists."""

    index: Literal["IVF_FLAT", "IVF_SQ8", "IVF_PQ", "IVF_RABITQ"] = Field(
        description="whole vectors, 8-bit integers, product quantisation, a bit for each number; the last two on a server"
    )
    nlist: int = Field(default=64, ge=1, le=65_536, description="lists; at most one for each vector")
    nprobe: tuple[int, ...] = Field(default=(1, 4, 16, 64), min_length=1, description="lists to look into, from few to many")
    m: int | None = Field(default=None, ge=1, description="IVF_PQ: parts of a vector; they must divide its numbers")
    nbits: int | None = Field(default=None, ge=1, le=24, description="IVF_PQ: bits for each part")

    _rises = field_validator("nprobe")(_check_ascending)

    @property
    def keeps_whole_vectors(self) -> bool:
        """True where distances are exact."""
        return self.index == "IVF_FLAT"

    def build_params(self, n_items: int) -> dict[str, Any]:
        """Give ``nlist``, and what product quantization needs."""
        given = {"m": self.m, "nbits": self.nbits}
        return {"nlist": min(self.nlist, n_items), **{name: value for name, value in given.items() if value is not None}}

    def list_settings(self, n_items: int) -> list[tuple[str, int | None]]:
        """List the values of ``nprobe``, up to all lists."""
        lists = min(self.nlist, n_items)
        return [("nprobe", value) for value in dict.fromkeys(min(value, lists) for value in self.nprobe)]

    def is_exhaustive(self, n_items: int) -> bool:
        """Tell if the last setting looks into all lists."""
        return self.nprobe[-1] >= min(self.nlist, n_items)


class GraphIndex(IndexOptions):
    """A graph of neighbours that a search walks [Malkov & Yashunin 2020, TPAMI 42(4)]."""

    index: Literal["HNSW"]
    links: int = Field(default=16, ge=2, le=2048, description="M: links of a vector on each layer")
    ef_construction: int = Field(default=100, ge=8, le=4096, description="candidates that a new vector is linked among")
    ef: tuple[int, ...] = Field(
        default=(10, 20, 50, 100, 400), min_length=1, description="candidates that a search keeps, from few to many"
    )

    _rises = field_validator("ef")(_check_ascending)

    def build_params(self, n_items: int) -> dict[str, Any]:
        """Give ``M`` and ``efConstruction``."""
        return {"M": self.links, "efConstruction": self.ef_construction}

    def list_settings(self, n_items: int) -> list[tuple[str, int | None]]:
        """List the values of ``ef``."""
        return [("ef", value) for value in self.ef]


class HammingIndex(IndexOptions):
    """A bit for each number, compared by Hamming distance; the nearest are scored with what is stored: see `SignBits`."""

    index: HammingName = Field(description="stored beside the bits: whole vectors, 16-bit numbers, 8-bit integers")
    candidates: tuple[int, ...] = Field(
        default=(10, 20, 40, 100, 200), min_length=1, description="passages that are scored again, from few to many"
    )

    _rises = field_validator("candidates")(_check_ascending)

    @property
    def precision(self) -> Precision:
        """Of what is stored next to the bits."""
        return _PRECISION[self.index]

    @property
    def keeps_whole_vectors(self) -> bool:
        """True where candidates are scored with them."""
        return self.precision == "float32"

    def build_params(self, n_items: int) -> dict[str, Any]:
        """Give the precision of what is stored."""
        return {"precision": self.precision}

    def list_settings(self, n_items: int) -> list[tuple[str, int | None]]:
        """List the numbers of candidates, up to all passages."""
        return [("candidates", value) for value in dict.fromkeys(min(value, n_items) for value in self.candidates)]

    def is_exhaustive(self, n_items: int) -> bool:
        """Tell if the last setting scores all passages."""
        return self.candidates[-1] >= n_items


_PRECISION: dict[HammingName, Precision] = {"HAMMING": "float32", "HAMMING_FP16": "float16", "HAMMING_SQ8": "int8"}
Index = Annotated[FlatIndex | InvertedFileIndex | GraphIndex | HammingIndex, Field(discriminator="index")]


class VectorSearchOptions(BaseModel):
    """Which embeddings are searched for with which indexes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    indexes: tuple[Index, ...] = Field(
        default=(),
        description="one after the other over the same vectors; without any but HAMMING ones no Milvus is needed",
    )
    embeddings: tuple[str, ...] = Field(
        default=(),
        description="<origin>.<embedding> to put into Milvus, the last of which stays there; none: of each task the best "
        "that has dense vectors",
    )
    beside: tuple[str, ...] = Field(
        default=(), description="embeddings whose exact search is timed beside, where they exist"
    )
    words: tuple[str, ...] = Field(
        default=(),
        description="embeddings that search by words (bm25), where they exist: timed, with Milvus's own BM25 of the same k1 "
        "and b next to them, and Milvus's fusion of that with the vectors",
    )
    sparse: tuple[str, ...] = Field(
        default=(), description="embeddings with sparse vectors that are put into Milvus's sparse index, where they exist"
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

    @model_validator(mode="after")
    def _finds_as_many_as_are_asked(self) -> VectorSearchOptions:
        for index in self.indexes:
            if isinstance(index, HammingIndex) and index.candidates[0] < self.nearest:
                raise ValueError(
                    f"{index.index}: among {index.candidates[0]} candidates there are no {self.nearest} nearest; "
                    f"vector_search.indexes: give candidates of {self.nearest} or more, or lower vector_search.nearest"
                )
        return self
