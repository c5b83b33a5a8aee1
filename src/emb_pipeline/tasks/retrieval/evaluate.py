"""Retrieval: exact search by an embedding's own measure, or by a searcher of its own. Unit: the query."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encodings.clock import EncodingClock
from emb_pipeline.embeddings.encodings.vectors import (
    bytes_per_vector,
    encode_texts,
    encode_unstored,
    prepare_for_search,
    unit_length,
)
from emb_pipeline.embeddings.protocols import (
    Searcher,
    Setting,
    TaskEncoder,
    TextEncoder,
    TunableIndex,
    Vectors,
    encode_as,
    fit_on,
)
from emb_pipeline.embeddings.retrieval.exact_search import (
    DECIMALS,
    compute_products,
    find_nearest,
    find_top_k,
    transpose_passages,
)
from emb_pipeline.embeddings.retrieval.stages import list_stages, open_with, search_among
from emb_pipeline.embeddings.retrieval.vector_searcher import open_unstored
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.metrics.rankings import CUTOFF, average_precision, grades_of_ranks, ndcg, recall, reciprocal_rank
from emb_pipeline.tasks.retrieval.encode import encode_task
from emb_pipeline.tasks.retrieval.judged import count_most_judged, find_judged, grade_judged, list_judged_pairs
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.settings import choose_settings, count_asked, drop_excluded
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.scores import build_item_scores
from emb_pipeline.tasks.splits.folds import find_duplicate_groups, join_groups


def evaluate_retrieval(
    task: RetrievalTask,
    encoder: TextEncoder | TaskEncoder | Searcher,
    options: RetrievalOptions,
    *,
    seed: int = 0,
    shuffle_labels: bool = False,
) -> Evaluation:
    """Score an embedding by the passages that it finds.

    An embedding that is fitted on a task (TF-IDF) is fitted on the passages, which are the collection to search, as a
    search engine is; neither queries nor judgments are seen. What a searcher leaves open (k1 and b of BM25) is chosen by
    nDCG@10 on training queries, or, without enough of them, for each fold of the queries on the other folds: no query has a
    say in the setting that it is scored with.

    Parameters
    ----------
    task : RetrievalTask
        Queries, passages, judgments.
    encoder : TextEncoder, TaskEncoder or Searcher
        The embedding or retrieval system.
    options : RetrievalOptions
        Cutoff of recall; memory.
    seed : int
        Unused: the search is exact.
    shuffle_labels : bool
        Not possible here: nothing is trained.

    Returns
    -------
    Evaluation
        Item scores and summaries ``ndcg@10``, ``mrr@10`` and ``recall@100`` (or another cutoff); where the judged passages
        of each query are ranked, ``ndcg@10``, ``map`` and ``mrr``, the latter two of the whole ranking.

    Raises
    ------
    DataError
        A query without a relevant passage.
    ValueError
        ``shuffle_labels``.
    """
    if shuffle_labels:
        raise ValueError(f"{task.name}: retrieval trains nothing, so there are no labels to shuffle")
    _require_relevant_passages(task)
    groups = find_query_groups(task)
    with threadpool_limits(1):
        if options.rank == "judged":
            grades, found = _rank_judged(task, encoder, groups)
            values = {
                f"ndcg@{CUTOFF}": ndcg(grades[:, :CUTOFF], task.qrels, CUTOFF),
                "map": average_precision(grades),
                "mrr": reciprocal_rank(grades),
            }
        else:
            k = min(max(options.recall_cutoff, CUTOFF), len(task.passages))
            ranked, found = _rank_passages(task, encoder, count_asked(task, k), options, groups)
            ranked = drop_excluded(ranked, task.excluded, k)
            values = score_ranking(task, ranked, options)
    return Evaluation(
        item_scores=build_item_scores(task.query_ids, task.query_ids[groups], values),
        metrics={name: float(scores.mean()) for name, scores in values.items()},
        dim=found.dim,
        encode_seconds=found.encode_seconds,
        fit_seconds=found.tune_seconds + found.search_seconds,
        tune_seconds=found.tune_seconds,
        bytes_per_item=found.bytes_per_item,
        details={
            "n_queries": len(task.queries),
            "n_passages": len(task.passages),
            "queries_per_second": len(task.queries) / max(found.search_seconds, 1e-9),
            **found.details,
        },
    )


def create_retrieval_service(
    task: RetrievalTask,
    encoder: TextEncoder | TaskEncoder | Searcher,
    options: RetrievalOptions,
    setting: Setting | None,
) -> Service:
    """Find the ten best of all passages for one query. Dense passages are random vectors: as many, and as long."""
    few, requests = min(CUTOFF, len(task.passages)), list(task.queries)[: options.latency_requests]
    if isinstance(encoder, Searcher):
        index = open_with(encoder.index(task.passages), setting or {})
        served = open_unstored(index)
        return Service(lambda query: served.search([query], few), requests)
    fitted = fit_on(encoder, task.passages, "passage")
    first = encode_as(fitted, task.passages[:1], "passage")
    if sp.issparse(first):
        columns = transpose_passages(unit_length(encode_texts(fitted, task.passages, task.name, "passage")[0]))
    else:
        shape = (len(task.passages), first.shape[1])
        columns = transpose_passages(unit_length(np.random.default_rng(0).standard_normal(shape, dtype=np.float32)))
    return Service(lambda query: find_nearest(unit_length(encode_unstored(fitted, query, "query")), columns, few), requests)


def find_query_groups(task: RetrievalTask) -> np.ndarray:
    """Find the position of the first query of the same words or of the same group, for each query: shape (n_queries,)."""
    duplicates = find_duplicate_groups(task.queries)
    return duplicates if task.groups is None else join_groups(duplicates, task.groups)


def score_ranking(task: RetrievalTask, ranked: np.ndarray, options: RetrievalOptions) -> dict[str, np.ndarray]:
    """Score rankings of all passages.

    Parameters
    ----------
    task : RetrievalTask
        Queries, passages, judgments.
    ranked : ndarray of shape (n_queries, n_ranks), int64
        Passages, best first; -1 behind a ranking's end.
    options : RetrievalOptions
        Cutoff of recall.

    Returns
    -------
    dict of str to ndarray of shape (n_queries,)
        ``ndcg@10``, ``mrr@10`` and ``recall@100`` (or another cutoff).
    """
    grades = grades_of_ranks(task.qrels, ranked)
    return {
        f"ndcg@{CUTOFF}": ndcg(grades[:, :CUTOFF], task.qrels, CUTOFF),
        f"mrr@{CUTOFF}": reciprocal_rank(grades[:, :CUTOFF]),
        f"recall@{options.recall_cutoff}": recall(grades[:, : options.recall_cutoff], task.qrels),
    }


@dataclass(frozen=True)
class _Found:
    """Facts of a search besides its ranking."""

    dim: int
    encode_seconds: float
    search_seconds: float
    bytes_per_item: float
    tune_seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)


def _rank_judged(
    task: RetrievalTask, encoder: TextEncoder | TaskEncoder | Searcher, groups: np.ndarray
) -> tuple[np.ndarray, _Found]:
    """List the grades of each query's judged passages, the best scored first; behind them 0: shape (n_queries, most judged).

    A searcher is asked for its ranking of all passages, of which the judged ones are kept in their order.
    """
    if isinstance(encoder, Searcher):
        among = find_judged(task)
        ranked, found = _search(task, encoder, count_most_judged(among), groups, among)
        return grades_of_ranks(task.qrels, ranked), found
    fitted, queries, passages, encode_seconds = encode_task(task, encoder)
    started = perf_counter()
    rows, columns = list_judged_pairs(task)
    scores = compute_products(*prepare_for_search(queries, passages, fitted), rows, columns)
    grades = grade_judged(task, np.round(scores, DECIMALS))
    size = bytes_per_vector(passages, fitted)
    details = count_weights(queries, passages)
    return grades, _Found(int(passages.shape[1]), encode_seconds, perf_counter() - started, size, details=details)


def _rank_passages(
    task: RetrievalTask,
    encoder: TextEncoder | TaskEncoder | Searcher,
    k: int,
    options: RetrievalOptions,
    groups: np.ndarray,
) -> tuple[np.ndarray, _Found]:
    """Find the first ``k`` passages of each query, and give the cost."""
    if isinstance(encoder, Searcher):
        return _search(task, encoder, k, groups)
    fitted, queries, passages, encode_seconds = encode_task(task, encoder)
    started = perf_counter()
    asked, searched = prepare_for_search(queries, passages, fitted)
    ranked = find_top_k(asked, searched, k, ties=task.ties, block_bytes=options.block_megabytes << 20)
    search_seconds = perf_counter() - started
    size, details = bytes_per_vector(passages, fitted), count_weights(queries, passages)
    return ranked, _Found(int(passages.shape[1]), encode_seconds, search_seconds, size, details=details)


def _search(
    task: RetrievalTask, searcher: Searcher, k: int, groups: np.ndarray, among: sp.csr_array | None = None
) -> tuple[np.ndarray, _Found]:
    """Find the first ``k`` passages of each query by a searcher, each with the setting that was chosen without it.

    The ranking is of all passages, or of those among which a query's are to be found; -1 where there are no more of these.
    """
    n_queries, n_passages = len(task.queries), len(task.passages)
    with EncodingClock() as clock:
        index = searcher.index(task.passages)
    tune_seconds, details = 0.0, dict(getattr(index, "details", {}))
    searches = [(index, np.arange(n_queries))]
    if stages := list_stages(searcher, index):
        started = perf_counter()
        choice = choose_settings(task, stages, groups, is_judged=among is not None)
        tune_seconds, details = perf_counter() - started, {**details, **choice.details}
        tunable = cast(TunableIndex, index)
        searches = [
            (tunable.at(setting), np.flatnonzero(choice.of_query == number))
            for number, setting in enumerate(choice.settings)
        ]
    depth, n_wanted = min(getattr(index, "pool_depth", 0), n_passages), k
    k = max(k, depth)
    ranked = np.empty((n_queries, k), dtype=np.int64)
    with clock:
        for opened, rows in searches:
            found = search_among(opened, task.queries.take(rows), k, None if among is None else among[rows])
            ranked[rows] = _check_ranks(found, len(rows), n_passages, k, may_end=among is not None)
    size = index.n_bytes / n_passages
    details = {**details, **getattr(index, "details", {})}
    if depth:
        details = {**details, **measure_pool(task, ranked[:, :depth])}
    return ranked[:, :n_wanted], _Found(0, 0.0, clock.seconds, size, tune_seconds, details)


def count_weights(queries: Vectors, passages: Vectors) -> dict[str, float]:
    """Count the weights that are not zero, on average of a query and of a passage; nothing of dense vectors."""
    if not sp.issparse(passages):
        return {}
    return {
        "weights_per_query": queries.nnz / max(queries.shape[0], 1),
        "weights_per_passage": passages.nnz / max(passages.shape[0], 1),
    }


def measure_pool(task: RetrievalTask, pool: np.ndarray) -> dict[str, float]:
    """Measure the best that any order of the passages in a pool can reach: the ceiling of a reranker.

    Parameters
    ----------
    task : RetrievalTask
        Queries, passages, judgments.
    pool : ndarray of shape (n_queries, depth), int64
        Passages that are reordered; -1 where there are no more.

    Returns
    -------
    dict
        ``pool_depth``; ``pool_recall``, the mean share of a query's relevant passages that is in it; ``pool_ceiling``, the
        nDCG@10 of the best order.
    """
    grades = grades_of_ranks(task.qrels, drop_excluded(pool, task.excluded, pool.shape[1]))
    best = -np.sort(-grades, axis=1)[:, :CUTOFF]
    return {
        "pool_depth": pool.shape[1],
        "pool_recall": float(recall(grades, task.qrels).mean()),
        "pool_ceiling": float(ndcg(best, task.qrels, CUTOFF).mean()),
    }


def _check_ranks(ranked: np.ndarray, n_queries: int, n_passages: int, k: int, *, may_end: bool) -> np.ndarray:
    ranked = np.asarray(ranked)
    if ranked.shape != (n_queries, k):
        raise ValueError(f"the searcher gave an array of shape {ranked.shape} for {n_queries} queries and k = {k}")
    if ranked.size and (ranked.min() < -may_end or ranked.max() >= n_passages):
        raise ValueError(f"the searcher named a passage outside 0 to {n_passages - 1}")
    in_order = np.sort(ranked, axis=1)
    if ((in_order[:, 1:] == in_order[:, :-1]) & (in_order[:, 1:] >= 0)).any():
        raise ValueError("the searcher named one passage twice for a query")
    return ranked.astype(np.int64)


def _require_relevant_passages(task: RetrievalTask) -> None:
    without = np.flatnonzero(np.asarray((task.qrels > 0).sum(axis=1)).ravel() == 0)
    if len(without):
        raise DataError(
            f"{task.name}, query {task.query_ids[without[0]]}",
            f"has no relevant passage ({len(without)} such queries)",
            "judge a passage relevant or drop the query",
        )
