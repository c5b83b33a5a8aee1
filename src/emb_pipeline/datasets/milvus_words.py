"""Texts and sparse vectors in Milvus: its own BM25, its sparse index, and its fusion of words and vectors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from emb_pipeline.efficiency.vector_search import Product

ROW, TEXT, SPARSE, VECTOR = "row", "text", "sparse", "vector"
_MOST_BYTES = 65_000
"""Of a text: a record of Milvus has room for 65,535."""
_ROWS_PER_INSERT = 1000
_QUERIES_PER_SEARCH = 200
_RRF_K = 60


class MilvusWords:
    """A collection next to that of vectors, which is made again for each search that is measured, and dropped after it.

    Milvus Lite 3.2 cuts texts by its analyzer ``standard`` and has one sparse index, ``SPARSE_INVERTED_INDEX``. It is in
    memory: the bytes on disk are the records'.

    Parameters
    ----------
    client : pymilvus.MilvusClient
        An open connection.
    collection : str
        Its name.
    path : Path, optional
        The embedded database; None for a server.
    metrics : mapping
        Milvus's names of the measures of vectors.
    """

    def __init__(self, client: Any, collection: str, path: Path | None, metrics: Mapping[Product, str]) -> None:
        self._client, self._collection, self._path, self._metrics = client, collection, path, metrics
        self._metric = "BM25"

    def replace_texts(
        self, texts: Sequence[str], vectors: np.ndarray, setting: Mapping[str, float], product: Product
    ) -> None:
        """Hold these texts, for BM25 with this k1 and b, with a dense vector of each."""
        from pymilvus import DataType, Function, FunctionType

        schema = self._client.create_schema(auto_id=False)
        schema.add_field(ROW, DataType.INT64, is_primary=True)
        schema.add_field(TEXT, DataType.VARCHAR, max_length=65_535, enable_analyzer=True)
        schema.add_field(SPARSE, DataType.SPARSE_FLOAT_VECTOR)
        schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=vectors.shape[1])
        schema.add_function(
            Function(name="bm25", function_type=FunctionType.BM25, input_field_names=[TEXT], output_field_names=[SPARSE])
        )
        self._metric, self._dense_metric = "BM25", self._metrics[product]
        index = self._client.prepare_index_params()
        index.add_index(VECTOR, index_type="FLAT", metric_type=self._dense_metric)
        kept = [text.encode()[:_MOST_BYTES].decode(errors="ignore") for text in texts]
        rows = [{ROW: row, TEXT: text, VECTOR: vector} for row, (text, vector) in enumerate(zip(kept, vectors, strict=True))]
        self._create(schema, index, {f"bm25_{name}": value for name, value in setting.items()}, rows)

    def replace_sparse(self, vectors: sp.csr_array) -> None:
        """Hold these sparse vectors, to be compared by their dot products."""
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False)
        schema.add_field(ROW, DataType.INT64, is_primary=True)
        schema.add_field(SPARSE, DataType.SPARSE_FLOAT_VECTOR)
        self._metric = "IP"
        rows = [{ROW: row, SPARSE: vector} for row, vector in enumerate(_write_sparse(vectors))]
        self._create(schema, self._client.prepare_index_params(), {}, rows)

    def find_by_words(self, queries: Sequence[str] | sp.csr_array, k: int) -> np.ndarray:
        """Find the rows of the best records for each query, a text or a sparse vector: (n_queries, k), -1 for none."""
        data = _write_sparse(queries) if sp.issparse(queries) else list(queries)
        found = np.full((len(data), k), -1, dtype=np.int64)
        for start in range(0, len(data), _QUERIES_PER_SEARCH):
            part = data[start : start + _QUERIES_PER_SEARCH]
            hits = self._client.search(
                self._collection,
                data=part,
                anns_field=SPARSE,
                limit=k,
                output_fields=[ROW],
                search_params={"metric_type": self._metric},
            )
            _fill(found[start : start + len(part)], hits)
        return found

    def find_by_both(self, queries: Sequence[str], vectors: np.ndarray, k: int) -> np.ndarray:
        """Find the best records by words and by vectors, fused by reciprocal ranks (k = 60): (n_queries, k)."""
        from pymilvus import AnnSearchRequest, RRFRanker

        found = np.full((len(vectors), k), -1, dtype=np.int64)
        for start in range(0, len(vectors), _QUERIES_PER_SEARCH):
            part = slice(start, start + _QUERIES_PER_SEARCH)
            depth = max(10 * k, 100)
            by_words = AnnSearchRequest(list(queries[part]), SPARSE, {"metric_type": "BM25"}, limit=depth)
            by_vectors = AnnSearchRequest(list(vectors[part]), VECTOR, {"metric_type": self._dense_metric}, limit=depth)
            hits = self._client.hybrid_search(
                self._collection, [by_words, by_vectors], RRFRanker(_RRF_K), limit=k, output_fields=[ROW]
            )
            _fill(found[part], hits)
        return found

    def count_bytes(self) -> int | None:
        """Count the bytes of the records on disk; None where a server keeps them."""
        if self._path is None:
            return None
        return sum(file.stat().st_size for file in self._path.rglob(f"{self._collection}/**/data/*"))

    def drop(self) -> None:
        """Drop the collection."""
        self._client.drop_collection(self._collection)

    def _create(self, schema: Any, index: Any, params: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        self.drop()
        # Milvus Lite reads "params" alone, a server each parameter by itself.
        packed = {"params": json.dumps(dict(params))} if self._path and params else {}
        index.add_index(SPARSE, index_type="SPARSE_INVERTED_INDEX", metric_type=self._metric, params={**params, **packed})
        self._client.create_collection(self._collection, schema=schema, index_params=index)
        for start in range(0, len(rows), _ROWS_PER_INSERT):
            self._client.insert(self._collection, [dict(row) for row in rows[start : start + _ROWS_PER_INSERT]])
        self._client.flush(self._collection)
        self._client.load_collection(self._collection)


def _write_sparse(vectors: sp.csr_array) -> list[dict[int, float]]:
    """Write rows as Milvus takes them; one without a number holds a zero, since an empty one is refused."""
    rows = [vectors.indices[start:end] for start, end in zip(vectors.indptr, vectors.indptr[1:], strict=False)]
    values = [vectors.data[start:end] for start, end in zip(vectors.indptr, vectors.indptr[1:], strict=False)]
    return [dict(zip(row.tolist(), data.tolist(), strict=True)) or {0: 0.0} for row, data in zip(rows, values, strict=True)]


def _fill(found: np.ndarray, hits: Any) -> None:
    for row, of_query in enumerate(hits):
        rows = [int(hit[ROW]) for hit in of_query]
        found[row, : len(rows)] = rows
