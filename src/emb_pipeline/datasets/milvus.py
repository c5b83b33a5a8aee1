"""Vectors in Milvus: a file on this machine (Milvus Lite), a server or Zilliz Cloud, by the same code."""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from kedro.io import DatasetError
from kedro_datasets_experimental.vectorstore_base import AbstractVectorStoreDataset, VectorStoreHandle

from emb_pipeline.datasets.milvus_words import MilvusWords
from emb_pipeline.efficiency.vector_search import Product
from emb_pipeline.redaction import redact
from emb_pipeline.storage.local_paths import require_local

ID, VECTOR = "id", "vector"
MISSING = "pymilvus is not installed: pip install 'emb_pipeline[milvus]', or leave its indexes out of vector_search.indexes"
_METRICS: Mapping[Product, str] = {"cosine": "COSINE", "dot": "IP"}
_EXACT = "FLAT"
_INDEX_PARAMS = ("nlist", "m", "nbits", "M", "efConstruction")
"""What an index is built with."""
_CREDENTIALS = ("uri", "token", "database")
_ID_CHARACTERS = 512
_ROWS_PER_INSERT = 1000
_QUERIES_PER_SEARCH = 500


class MilvusVectorStoreHandle(VectorStoreHandle):
    """One collection of a Milvus database; it is made when the first record comes.

    Besides the base's calls, which take single records and vectors, it takes whole arrays, and it says what an index costs.

    Parameters
    ----------
    uri : str
        A path ending in ``.db`` (Milvus Lite: one process at a time), or a server's address.
    collection : str
        Its name.
    token : str
        ``user:password`` or an API key; empty where none is needed.
    database : str
        Of a server; empty: its default one.
    """

    def __init__(self, uri: str, collection: str, token: str = "", database: str = "") -> None:
        client = _import_pymilvus().MilvusClient
        self._path = None if _is_server(uri) else Path(uri)
        if self._path:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # A flush first asks for a timestamp, which Milvus Lite's server does not know: grpc logs a traceback each time.
            logging.getLogger("grpc._server").setLevel(logging.CRITICAL)
        self._collection = collection
        self._made_with: str | None = None
        try:
            self._client: Any = client(uri=uri, token=token, **({"db_name": database} if database else {}))
            if database:
                self._client.list_collections()  # a database that is not there is refused here, and not by what comes first
        except Exception as error:
            raise DatasetError(redact(f"no Milvus database at {uri}: {error}")) from None  # its traceback shows the address

    @property
    def raw_client(self) -> Any:
        """The ``pymilvus.MilvusClient``."""
        return self._client

    @property
    def words(self) -> MilvusWords:
        """A collection of texts and sparse vectors next to this one."""
        return MilvusWords(self._client, f"{self._collection}_words", self._path, _METRICS)

    def add(self, records: list[dict[str, Any]]) -> list[str]:
        """Insert records: ``{"id": …, "vector": […], "properties": {…}}``; an id is made up where there is none."""
        if not records:
            return []
        ids = [str(record.get(ID) or uuid.uuid4()) for record in records]
        properties = [record.get("properties") or {} for record in records]
        missing = [place for place, record in enumerate(records) if record.get(VECTOR) is None]
        if missing:
            raise DatasetError(f"record {missing[0]} has no vector: a collection of Milvus makes none itself")
        self._insert(ids, np.asarray([record[VECTOR] for record in records], dtype=np.float32), properties)
        return ids

    def search(
        self,
        *,
        vector: list[float] | None = None,
        text: str | None = None,
        top_k: int = 10,
        filters: Any = None,
    ) -> list[dict[str, Any]]:
        """Find the records nearest to a vector, with their score as ``distance``; ``filters`` is Milvus's expression."""
        if text is not None:
            raise NotImplementedError("the collection holds vectors alone: encode the text and search for its vector")
        if vector is None:
            raise DatasetError("search() needs a vector")
        self._require_collection()
        (hits,) = self._client.search(
            self._collection,
            data=[list(map(float, vector))],
            limit=top_k,
            filter=filters or "",
            output_fields=["*"],
            search_params={"metric_type": self._metric},
        )
        return [
            {
                "id": hit[ID],
                "distance": float(hit["distance"]),
                "properties": {name: value for name, value in hit["entity"].items() if name not in (ID, VECTOR)},
            }
            for hit in hits
        ]

    def delete(self, *, ids: list[str] | None = None, filters: Any = None) -> None:
        """Delete records by id, or all that an expression of Milvus matches."""
        if (ids is None) == (filters is None):
            raise DatasetError("delete() needs either ids or filters")
        self._require_collection()
        self._client.delete(self._collection, **({"ids": ids} if ids is not None else {"filter": filters}))

    def describe(self) -> dict[str, Any]:
        """Name, number of records, dimension and index of the collection."""
        if not self._client.has_collection(self._collection):
            return {"collection": self._collection, "count": 0}
        fields = {field["name"]: field for field in self._client.describe_collection(self._collection)["fields"]}
        indexes = [self._client.describe_index(self._collection, name) for name in self._index_names()]
        return {
            "collection": self._collection,
            "count": int(self._client.get_collection_stats(self._collection)["row_count"]),
            "dim": int(fields[VECTOR]["params"]["dim"]),
            "metric": self._metric,
            "index": indexes[0]["index_type"] if indexes else None,
        }

    def close(self) -> None:
        """Close the connection, and let another process have an embedded database."""
        if self._client is None:
            return
        self._client.close()
        self._client = None
        if self._path:
            from milvus_lite.server_manager import server_manager_instance

            server_manager_instance.release_server(str(self._path))

    def replace(
        self,
        ids: Sequence[str],
        vectors: np.ndarray,
        properties: Sequence[Mapping[str, Any]],
        product: Product = "cosine",
    ) -> None:
        """Make the collection again, of these vectors.

        Parameters
        ----------
        ids : sequence of str
            Up to 512 characters each.
        vectors : ndarray of shape (n_records, dim), float32
            Of any length.
        properties : sequence of mapping
            What is kept next to each vector, to be returned and filtered by.
        product : {"cosine", "dot"}
            The measure by which they are compared; the collection keeps it.
        """
        self._client.drop_collection(self._collection)
        self._made_with = _METRICS[product]
        self._insert(ids, vectors, properties)

    def build_index(self, index_type: str, params: Mapping[str, Any]) -> None:
        """Index the vectors, in place of any former index, and load the collection.

        A field has one index, so the former one goes first. It is built again if the new one is refused.

        Raises
        ------
        DatasetError
            This Milvus has no such index.
        """
        self._client.flush(self._collection)
        former = self._read_index()
        try:
            self._replace_index(index_type, params)
        except _import_pymilvus().MilvusException as error:
            self._replace_index(*former)
            raise DatasetError(f"{index_type} is not to be had here: {error.message}") from error

    def _read_index(self) -> tuple[str, dict[str, Any]]:
        """Read the type and the parameters of the index; exact search where there is none."""
        for name in self._index_names():
            found = dict(self._client.describe_index(self._collection, name))
            kind = str(found.get("index_type", _EXACT))
            params = json.loads(found["params"]) if isinstance(found.get("params"), str) else found.get("params") or {}
            return kind, {**params, **{key: value for key, value in found.items() if key in _INDEX_PARAMS}}
        return _EXACT, {}

    def _replace_index(self, index_type: str, params: Mapping[str, Any]) -> None:
        metric = self._metric
        self._client.release_collection(self._collection)
        for name in self._index_names():
            self._client.drop_index(self._collection, name)
        index = self._client.prepare_index_params()
        # pymilvus sends each parameter by itself; Milvus Lite reads "params" alone, and else takes its defaults.
        packed = {"params": json.dumps(dict(params))} if self._path else {}
        index.add_index(VECTOR, index_type=index_type, metric_type=metric, params={**params, **packed})
        self._client.create_index(self._collection, index)
        self._client.load_collection(self._collection)

    def find_nearest(self, vectors: np.ndarray, k: int, params: Mapping[str, Any], filters: str = "") -> list[list[str]]:
        """Find the ids of the ``k`` nearest records to each vector, best first.

        Parameters
        ----------
        vectors : ndarray of shape (n_queries, dim), float32
            What is searched for.
        k : int
            Records for each; fewer come where the index finds no more.
        params : mapping
            The index's search parameters: ``nprobe``, ``ef``.
        filters : str
            An expression of Milvus.
        """
        found: list[list[str]] = []
        for start in range(0, len(vectors), _QUERIES_PER_SEARCH):
            hits = self._client.search(
                self._collection,
                data=list(vectors[start : start + _QUERIES_PER_SEARCH]),
                limit=k,
                filter=filters,
                search_params={"metric_type": self._metric, "params": dict(params)},
            )
            found += [[hit[ID] for hit in row] for row in hits]
        return found

    def index_bytes(self) -> int | None:
        """Measure the bytes of the index on disk, next to the vectors themselves; None where a server keeps it."""
        return None if self._path is None else sum(file.stat().st_size for file in self._path.rglob("*.idx"))

    def _insert(self, ids: Sequence[str], vectors: np.ndarray, properties: Sequence[Mapping[str, Any]]) -> None:
        if vectors.ndim != 2 or len(vectors) != len(ids):
            raise DatasetError(f"vectors of shape {vectors.shape} for {len(ids)} ids")
        if not self._client.has_collection(self._collection):
            self._create(vectors.shape[1])
        rows = ({**kept, ID: name, VECTOR: vector} for name, vector, kept in zip(ids, vectors, properties, strict=True))
        try:
            while batch := list(islice(rows, _ROWS_PER_INSERT)):
                self._client.insert(self._collection, batch)
        except _import_pymilvus().MilvusException as error:
            raise DatasetError(f"Milvus refuses the records: {error.message}") from error
        self._client.flush(self._collection)

    def _create(self, dim: int) -> None:
        types = _import_pymilvus().DataType
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=True)
        schema.add_field(ID, types.VARCHAR, is_primary=True, max_length=_ID_CHARACTERS)
        schema.add_field(VECTOR, types.FLOAT_VECTOR, dim=dim)
        index = self._client.prepare_index_params()
        index.add_index(VECTOR, index_type=_EXACT, metric_type=self._metric)
        self._client.create_collection(self._collection, schema=schema, index_params=index)

    @property
    def _metric(self) -> str:
        """The measure that the collection was made with."""
        if self._made_with is None:
            names = self._index_names() if self._client.has_collection(self._collection) else []
            made = self._client.describe_index(self._collection, names[0]) if names else {}
            self._made_with = str(made.get("metric_type", _METRICS["cosine"]))
        return self._made_with

    def _index_names(self) -> list[str]:
        return list(self._client.list_indexes(self._collection))

    def _require_collection(self) -> None:
        if not self._client.has_collection(self._collection):
            raise DatasetError(f"there is no collection {self._collection} yet; add() or replace() makes it")
        self._client.load_collection(self._collection)


class MilvusVectorStoreDataset(AbstractVectorStoreDataset):
    """A collection of Milvus, as a handle: what reads or writes it takes the dataset as an input and closes the handle.

    ::

        with catalog.load("examples@docs_retrieval.collection") as store:
            store.search(vector=encoder.encode(["shape of an array"], role="query")[0], top_k=5)

    Parameters
    ----------
    collection : str
        Its name; letters, digits and underscores.
    filepath : str
        A path ending in ``.db``: Milvus Lite, embedded, on Linux and macOS.
    uri : str
        Goes before the credentials' address and the file. ``http://127.0.0.1:19530``: a server; ``https://…``: Zilliz
        Cloud.
    credentials : dict, optional
        ``uri``: a server; ``token``: ``user:password`` or an API key; ``database``: of that server. For the last two,
        ``MILVUS_TOKEN`` and ``MILVUS_DATABASE`` of the environment otherwise. A token is for the credentials' own address,
        where they name one: no other server gets it.
    metadata : dict, optional
        Anything for other tools.
    """

    def __init__(
        self,
        *,
        collection: str,
        filepath: str = "",
        uri: str = "",
        credentials: dict[str, str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        given = {name: str(value) for name, value in (credentials or {}).items() if value}
        if unknown := [name for name in given if name not in _CREDENTIALS]:
            raise DatasetError(f"credentials of Milvus: nothing reads {unknown}; there are {', '.join(_CREDENTIALS)}")
        if uri and given.get("uri", uri) != uri:
            given = {}
        address = uri or given.get("uri", "")
        if not (filepath or address):
            raise DatasetError(f"collection {collection}: name a file (filepath) or a server (uri)")
        self._filepath, self._collection = address or str(require_local(filepath)), collection
        self._credentials = given
        self.metadata = metadata

    def require(self) -> None:
        """Refuse a run that will need what is not installed.

        Raises
        ------
        DatasetError
            There is no pymilvus, or no Milvus Lite for an embedded database.
        """
        _import_pymilvus()
        if not _is_server(self._filepath):
            try:
                import milvus_lite  # noqa: F401
            except ImportError as error:
                raise DatasetError(f"{MISSING}; a server needs pymilvus alone: MILVUS_URI=http://…") from error

    def find_address(self) -> tuple[str, str, str]:
        """Find file or server, token, and the server's database; a file has neither token nor databases."""
        if not _is_server(self._filepath):
            return self._filepath, "", ""
        token = self._credentials.get("token") or os.environ.get("MILVUS_TOKEN", "")
        return self._filepath, token, self._credentials.get("database") or os.environ.get("MILVUS_DATABASE", "")

    def _load(self) -> MilvusVectorStoreHandle:
        uri, token, database = self.find_address()
        return MilvusVectorStoreHandle(uri, self._collection, token, database)

    def _exists(self) -> bool:
        return True  # a store is there; its collection is made when the first record comes

    def _describe(self) -> dict[str, Any]:
        return {"uri": redact(self._filepath), "collection": self._collection}


def _is_server(uri: str) -> bool:
    return "://" in uri


def _import_pymilvus() -> Any:
    try:
        import pymilvus
    except ImportError as error:
        raise DatasetError(MISSING) from error
    return pymilvus
