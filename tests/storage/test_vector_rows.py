"""Rows of every kind come back from shards in the order that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from emb_pipeline.storage.sealed_files import read_parquet, write_parquet
from emb_pipeline.storage.vector_rows import DenseRows, RowFormat, SparseRows, TokenRows, TokenVectors, read_whole
from emb_pipeline.storage.vector_shards import VectorShards, hash_texts

TEXTS = [f"text {number}" for number in range(12)]
KEYS = hash_texts(TEXTS)
ASKED = [11, 0, 5, 5, 3, 10]


def make_tokens(precision: str) -> TokenVectors:
    rng = np.random.default_rng(0)
    return TokenVectors.join([rng.normal(size=(number % 4, 3)).astype(precision) for number in range(12)])


def make_sparse() -> sp.csr_array:
    weights = np.random.default_rng(0).normal(size=(12, 7)).astype(np.float32)
    weights[np.abs(weights) < 0.8] = 0
    weights[4] = 0
    return sp.csr_array(weights)


def list_rows(vectors: Any, rows: list[int]) -> list[np.ndarray]:
    if isinstance(vectors, TokenVectors):
        return [vectors.vectors[vectors.offsets[row] : vectors.offsets[row + 1]] for row in rows]
    dense = vectors.toarray() if sp.issparse(vectors) else vectors
    return [dense[row] for row in rows]


of_every_kind = pytest.mark.parametrize(
    ("rows", "vectors"),
    [
        (DenseRows(3), np.arange(36, dtype=np.float32).reshape(12, 3)),
        (SparseRows(7), make_sparse()),
        (TokenRows(3), make_tokens("float32")),
        (TokenRows(3, "float16"), make_tokens("float16")),
    ],
)


@of_every_kind
def test_rows_of_two_shards_come_back_in_the_order_that_is_asked_for(rows: RowFormat, vectors: Any, tmp_path: Path) -> None:
    shards = VectorShards(tmp_path, rows)
    for part in (np.arange(7), np.arange(7, 12)):
        taken = vectors.take(part) if isinstance(vectors, TokenVectors) else vectors[part]
        shards.add(KEYS[part], taken, np.ones(len(part)))
    read = VectorShards(tmp_path, rows).read_vectors(KEYS[ASKED])
    for found, stored in zip(list_rows(read, list(range(len(ASKED)))), list_rows(vectors, ASKED), strict=True):
        np.testing.assert_array_equal(found, stored)
        assert found.dtype == stored.dtype
    nothing = shards.read_vectors(KEYS[:0])
    assert (nothing.shape[0] if hasattr(nothing, "shape") else len(nothing)) == 0


@of_every_kind
def test_a_column_in_a_file_is_read_whole(rows: RowFormat, vectors: Any, tmp_path: Path) -> None:
    write_parquet(pa.table({"vectors": rows.make_column(vectors)}), tmp_path / "rows.parquet")
    read = read_whole(rows, read_parquet(tmp_path / "rows.parquet")["vectors"])
    every = list(range(12))
    for found, stored in zip(list_rows(read, every), list_rows(vectors, every), strict=True):
        np.testing.assert_array_equal(found, stored)
        assert found.dtype == stored.dtype


def test_indices_of_sparse_rows_take_four_bytes(tmp_path: Path) -> None:
    shards, vectors = VectorShards(tmp_path, SparseRows(7)), make_sparse()
    shards.add(KEYS, vectors, np.ones(12))
    read = shards.read_vectors(KEYS)
    assert read.indices.dtype == read.indptr.dtype == np.int32
    assert read.data.nbytes + read.indices.nbytes == 8 * vectors.nnz


def test_a_shard_of_another_kind_is_encoded_again(tmp_path: Path) -> None:
    VectorShards(tmp_path, SparseRows(7)).add(KEYS, make_sparse(), np.ones(12))
    assert not VectorShards(tmp_path, TokenRows(3)).find_stored(KEYS).any()
