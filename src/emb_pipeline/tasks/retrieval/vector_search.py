"""Exact and approximate search for the passages of a retrieval task: what each costs, and what the task's score loses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.efficiency.latency import measure_latencies
from emb_pipeline.efficiency.options import VectorSearchOptions
from emb_pipeline.efficiency.vector_search import (
    FILTER,
    Collection,
    Exact,
    Product,
    WordStore,
    find_curve_fault,
    measure_operating_points,
)
from emb_pipeline.embeddings.encodings.vectors import bytes_per_vector, prepare_for_search
from emb_pipeline.embeddings.protocols import (
    Searcher,
    TaskEncoder,
    TextEncoder,
    TunableSearcher,
    Vectors,
    fit_on,
    similarity_of,
)
from emb_pipeline.embeddings.retrieval.exact_search import find_nearest, find_top_k, transpose_passages
from emb_pipeline.errors import DataError
from emb_pipeline.statistics.decision.decide import COST_TOLERANCE
from emb_pipeline.statistics.intervals.bootstrap import compute_mean_intervals
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.tasks.metrics.rankings import CUTOFF, grades_of_ranks, ndcg
from emb_pipeline.tasks.retrieval.encode import encode_task
from emb_pipeline.tasks.retrieval.evaluate import find_query_groups
from emb_pipeline.tasks.retrieval.settings import drop_excluded
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.text.words import unmark_words

EXACT = "exact"
"""The index of a search that multiplies all vectors with the query's, without a vector store."""
BY_WORDS, BY_BOTH, IN_SPARSE = "BM25", "HYBRID", "SPARSE"
"""Searches of a vector store that are no index of dense vectors: its own BM25, that fused with vectors, sparse vectors."""
KEPT_CHARACTERS = 10_000
"""Of a passage's text, in the collection: a record of Milvus has room for 65,536 bytes."""
SEARCHES = {
    "task": "string",
    "embedding": "string",
    "dim": "int64",
    "index": "string",
    "in_store": "bool",
    "build": "string",
    "parameter": "string",
    "setting": "Int64",
    "recall": "float64",
    "metric": "string",
    "value": "float64",
    "loss": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "latency_ms_p50": "float64",
    "latency_ms_p95": "float64",
    "latency_ms_p99": "float64",
    "queries_per_second": "float64",
    "build_seconds": "float64",
    "bytes_per_item": "float64",
    "index_bytes": "float64",
    "filtered_recall": "float64",
    "filtered_latency_ms_p50": "float64",
    "filtered_latency_ms_p95": "float64",
    "fault": "string",
    "recommended": "bool",
    "items": "int64",
    "n": "int64",
}
"""Columns of a table of searches: one row for each setting. ``in_store``: whether a vector store searched, or this process.
``loss`` is what the task's metric loses to an exact search; ``fault`` says why an index's curve is not to be trusted;
``recommended`` is one of the settings in the store, and one of those in this process. ``index_bytes``: what a search goes
through, of all passages together (HAMMING: the bits). ``bytes_per_item``: a passage's vector as it is kept next to the index
(HAMMING: what candidates are scored with, in memory or on disk; exact: what is searched)."""


class SearchCosts:
    """Searches of one task.

    Parameters
    ----------
    task : RetrievalTask
        Queries, passages, judgments.
    options : VectorSearchOptions
        Indexes, number of nearest passages, queries and requests.
    resampling : Resampling
        Of the losses' intervals.
    """

    def __init__(self, task: RetrievalTask, options: VectorSearchOptions, resampling: Resampling) -> None:
        self._task, self._options, self._resampling = _select_queries(task, options), options, resampling
        self._k = min(options.nearest, len(task.passages))
        self._groups = find_query_groups(self._task)

    def is_dense(self, encoder: TextEncoder | TaskEncoder) -> bool:
        """Say if an embedding gives dense vectors of the passages."""
        fitted = fit_on(encoder, self._task.passages, "passage")
        return not sp.issparse(fitted.encode(list(self._task.passages)[:1]))

    def exact(self, name: str, encoder: TextEncoder | TaskEncoder) -> dict[str, Any]:
        """Measure an exact search with the vectors of an embedding, dense or sparse, as one row."""
        with threadpool_limits(1):
            fitted, queries, passages = self._unit_vectors(encoder)
            return self._exact_row(name, queries, passages, bytes_per_vector(passages, fitted))[0]

    def of_indexes(
        self, name: str, encoder: TextEncoder | TaskEncoder, collection: Collection | None
    ) -> list[dict[str, Any]]:
        """Measure an exact search with dense vectors, then one with each setting of each index: a row each.

        The passages' vectors and texts replace what the collection held, where there is one. At the end it has the index of
        the setting that is recommended there, or the last one where none is.

        Raises
        ------
        ValueError
            The vectors are sparse; an index of a vector store, and no collection.
        DataError
            A vector store, and an embedding that compares by a distance.
        """
        with threadpool_limits(1):
            fitted, queries, passages = self._unit_vectors(encoder)
            if sp.issparse(passages):
                raise ValueError(f"{name} gives sparse vectors, and these indexes are of dense ones")
            exact_row, found, scores = self._exact_row(name, queries, passages, bytes_per_vector(passages, fitted))
            inside, nearest_inside = self._drawn(queries, passages)
            exact = Exact(queries, passages, found, inside, nearest_inside)
            ids = self._task.passage_ids.tolist()
            texts = [unmark_words(str(text))[:KEPT_CHARACTERS] for text in self._task.passages]
            records = [{"text": text, FILTER: bool(drawn)} for text, drawn in zip(texts, inside, strict=True)]
            if collection is not None:
                collection.replace(ids, passages, records, _require_product(name, fitted))
            rows = [
                {**self._row(name, passages.shape, self._scores(found), scores), **point}
                for point, found in measure_operating_points(collection, ids, exact, self._options)
            ]
            _judge(rows, self._options)
            stored = [row for row in rows if row["in_store"]]
            best = next((row for row in stored if row["recommended"]), None)
            if collection is not None and best is not None and best["index"] != stored[-1]["index"]:
                collection.build_index(best["index"], best["build"])
        return [exact_row, *({**row, "build": json.dumps(row["build"])} for row in rows)]

    def of_sparse(self, name: str, encoder: TextEncoder | TaskEncoder, store: WordStore) -> list[dict[str, Any]]:
        """Measure an exact search with sparse vectors, then one of the store's sparse index: a row each.

        Raises
        ------
        DataError
            The vectors are dense.
        """
        with threadpool_limits(1):
            fitted, queries, passages = self._unit_vectors(encoder)
            if not sp.issparse(passages):
                raise DataError("vector_search.sparse", f"{name} gives dense vectors", "name it under embeddings:")
            exact_row, found, scores = self._exact_row(name, queries, passages, bytes_per_vector(passages, fitted))
            started = perf_counter()
            store.replace_sparse(passages)
            built = {"build_seconds": perf_counter() - started, "index_bytes": store.count_bytes()}
            row, of_store = self._time(partial(store.find_by_words, k=self._k), queries)
            store.drop()
            lost = self._row(name, passages.shape, self._scores(of_store), scores)
        recall = {"recall": _count_shared(of_store, found), "bytes_per_item": exact_row["bytes_per_item"]}
        return [exact_row, {**lost, **row, **built, **recall, "index": IN_SPARSE, "in_store": True}]

    def of_words(
        self, name: str, searcher: Searcher, store: WordStore, dense: tuple[str, TextEncoder | TaskEncoder] | None = None
    ) -> list[dict[str, Any]]:
        """Measure a search by words, then the store's own BM25 and, with dense vectors, its fusion of both: a row each.

        Parameters
        ----------
        name : str
            An embedding that searches by itself; its usual k1 and b are the store's, too.
        searcher : Searcher
            It.
        store : WordStore
            What is held in it is dropped.
        dense : tuple of str and TextEncoder or TaskEncoder, optional
            An embedding whose vectors are fused with words.

        Raises
        ------
        DataError
            The embedding searches by vectors.
        """
        if not isinstance(searcher, Searcher):
            raise DataError("vector_search.words", f"{name} does not search by words", "name it under beside: or sparse:")
        texts = [unmark_words(str(text)) for text in self._task.passages]
        asked = [unmark_words(str(text)) for text in self._task.queries]
        setting = searcher.settings[0] if isinstance(searcher, TunableSearcher) else {}
        with threadpool_limits(1):
            index = searcher.index(self._task.passages)
            own, found = self._time(partial(index.search, k=self._k), self._task.queries)
            scores, size, n_bytes = self._scores(found), (len(texts), 0), index.n_bytes / len(texts)
            rows = [
                {
                    **self._row(name, size, scores, scores),
                    **own,
                    "index": EXACT,
                    "in_store": False,
                    "recall": 1.0,
                    "bytes_per_item": n_bytes,
                }
            ]
            fitted, queries, passages = self._unit_vectors(dense[1]) if dense else (None, None, np.ones((len(texts), 2)))
            started = perf_counter()
            product = _require_product(dense[0], fitted) if dense and fitted else "dot"
            numbers = {key: float(value) for key, value in setting.items() if key in ("k1", "b") and value is not None}
            store.replace_texts(texts, np.asarray(passages, dtype=np.float32), numbers, product)
            built = {
                "build_seconds": perf_counter() - started,
                "bytes_per_item": (store.count_bytes() or np.nan) / len(texts),
            }
            point, of_store = self._time(partial(store.find_by_words, k=self._k), asked)
            lost = self._row(name, size, self._scores(of_store), scores)
            recall = {"recall": _count_shared(of_store, found)}
            rows.append({**lost, **point, **built, **recall, "index": BY_WORDS, "in_store": True})
            if dense and queries is not None:
                vectors = np.asarray(queries, dtype=np.float32)
                exact = self._scores(find_top_k(queries, passages, self._k, ties=self._task.ties))

                def find_by_both(rows: np.ndarray) -> np.ndarray:
                    return store.find_by_both([asked[row] for row in rows], vectors[rows], self._k)

                point, of_both = self._time(find_by_both, np.arange(len(asked)))
                lost = self._row(dense[0], passages.shape, self._scores(of_both), exact)
                rows.append({**lost, **point, **built, "index": BY_BOTH, "in_store": True})
            store.drop()
        return rows

    def _time(self, search: Callable[[Any], np.ndarray], queries: Any) -> tuple[dict[str, Any], np.ndarray]:
        """Time a search of all queries at once, and of single ones."""
        started = perf_counter()
        found = search(queries)
        seconds = perf_counter() - started
        single = [queries[row : row + 1] for row in range(min(self._options.requests, len(found)))]
        rate = len(found) / max(seconds, 1e-9)
        return {
            "parameter": "",
            "recommended": False,
            "queries_per_second": rate,
            **measure_latencies(search, single),
        }, found

    def _unit_vectors(self, encoder: TextEncoder | TaskEncoder) -> tuple[TextEncoder, Vectors, Vectors]:
        fitted, queries, passages, _ = encode_task(self._task, encoder)
        return fitted, *prepare_for_search(queries, passages, fitted)

    def _exact_row(
        self, name: str, queries: Vectors, passages: Vectors, size: float
    ) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
        started = perf_counter()
        found = find_top_k(queries, passages, self._k, ties=self._task.ties)
        seconds = perf_counter() - started
        scores = self._scores(found)
        columns = transpose_passages(passages)
        requests = [queries[row : row + 1] for row in range(min(self._options.requests, queries.shape[0]))]
        row = self._row(name, passages.shape, scores, scores) | {
            "index": EXACT,
            "in_store": False,
            "parameter": "",
            "recommended": False,
            "recall": 1.0,
            "queries_per_second": queries.shape[0] / max(seconds, 1e-9),
            "bytes_per_item": size,
            **measure_latencies(lambda query: find_nearest(query, columns, self._k), requests),
        }
        return row, found, scores

    def _row(self, name: str, shape: tuple[int, ...], scores: np.ndarray, exact_scores: np.ndarray) -> dict[str, Any]:
        lost = (exact_scores - scores)[:, None]
        (loss,) = compute_mean_intervals(
            lost,
            n_resamples=self._resampling.resamples,
            rng=self._resampling.create_rng(),
            groups=self._groups,
            level=1 - self._resampling.level,
        )
        return {
            "task": self._task.name,
            "embedding": name,
            "dim": shape[1],
            "metric": f"ndcg@{CUTOFF}",
            "value": float(scores.mean()),
            "loss": loss.value,
            "ci_low": loss.low,
            "ci_high": loss.high,
            "items": shape[0],
            "n": len(scores),
        }

    def _scores(self, found: np.ndarray) -> np.ndarray:
        shown = drop_excluded(found, self._task.excluded, found.shape[1])
        grades = grades_of_ranks(self._task.qrels, shown)
        return ndcg(grades[:, :CUTOFF], self._task.qrels, CUTOFF)

    def _drawn(self, queries: np.ndarray, passages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Choose the passages that a filtered search is confined to, and find the nearest of them."""
        n_drawn = max(self._k, round(self._options.filter_share * len(passages)))
        rows = np.sort(np.random.default_rng(self._options.seed).permutation(len(passages))[:n_drawn])
        inside = np.zeros(len(passages), dtype=bool)
        inside[rows] = True
        return inside, rows[find_top_k(queries, passages[rows], self._k)]


def _count_shared(found: np.ndarray, wanted: np.ndarray) -> float:
    """Share of the wanted passages that were found, whatever their order."""
    return float(np.mean([np.isin(of_query, own).mean() for of_query, own in zip(wanted, found, strict=True)]))


def _select_queries(task: RetrievalTask, options: VectorSearchOptions) -> RetrievalTask:
    """Select the task with as many of its queries as are to be asked."""
    order = np.random.default_rng(options.seed).permutation(len(task.query_ids))
    rows = np.sort(order[: options.queries])
    return replace(
        task,
        query_ids=task.query_ids[rows],
        queries=task.queries.take(rows),
        qrels=task.qrels[rows],
        judged=None,
        excluded=None if task.excluded is None else task.excluded[rows],
    )


def _require_product(name: str, encoder: TextEncoder) -> Product:
    """Give the measure that a vector store compares vectors of this encoder by."""
    similarity = similarity_of(encoder)
    if similarity in ("cosine", "dot"):
        return similarity
    raise DataError(
        name,
        f"compares by {similarity} distance, and the collection in Milvus by cosine or dot product",
        "set similarity: cosine or dot in its options, or keep HAMMING indexes alone under vector_search.indexes",
    )


def _judge(rows: list[dict[str, Any]], options: VectorSearchOptions) -> None:
    """Note the fault of each index whose curve does not hold, and which setting of the others to use.

    Of those that find enough, and that are as fast as the fastest of them to within 5 %, the one that finds most: one in
    the store and one in this process, which no request has to reach.
    """
    faults = {}
    for index in options.indexes:
        found = [row for row in rows if row["index"] == index.index]
        exact = index.keeps_whole_vectors and index.is_exhaustive(found[0]["items"])
        faults[index.index] = find_curve_fault([row["recall"] for row in found], keeps_whole_vectors=exact)
    for row in rows:
        row.update(fault=faults[row["index"]], recommended=False)
    enough = [row for row in rows if row["fault"] is None and row["recall"] >= options.recall]
    for in_store in (True, False):
        able = [row for row in enough if row["in_store"] is in_store]
        fastest = min((float(row["latency_ms_p50"]) for row in able), default=0.0)
        as_fast = [row for row in able if row["latency_ms_p50"] <= fastest * (1 + COST_TOLERANCE)]
        best = max(as_fast, key=lambda row: float(row["recall"]), default=None)
        if best is not None:
            best["recommended"] = True
