"""Retrieval: exact search by cosine, or by a searcher of its own. Unit: the query."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encoding_clock import EncodingClock
from emb_pipeline.embeddings.protocols import (
    Searcher,
    Setting,
    TaskEncoder,
    TextEncoder,
    TunableIndex,
    TunableSearcher,
    Vectors,
    encoded_as,
    fitted_on,
)
from emb_pipeline.embeddings.ranking import TieOrder, hashes, largest
from emb_pipeline.errors import DataError
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.folds import duplicate_groups, joined_groups
from emb_pipeline.tasks.retrieval.options import RetrievalOptions
from emb_pipeline.tasks.retrieval.task import RetrievalTask
from emb_pipeline.tasks.scores import measured
from emb_pipeline.tasks.vectors import bytes_per_vector, encoded, unit_length, unstored_vector

CUTOFF = 10
"""Rank that nDCG and MRR are cut at: the figures that BEIR and MTEB report."""

N_FOLDS = 5
"""Folds of queries: those of each are searched with the setting that serves the queries of the others best."""

FEWEST_TRAINING_QUERIES = 50
"""Training queries from which on a searcher's setting is chosen on these, and not on folds of the queries."""

DECIMALS = 6
"""Cosines are compared to this precision: what lies below is rounding of float32 sums, and would break ties by chance."""


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
    groups = query_groups(task)
    with threadpool_limits(1):
        if options.rank == "judged":
            grades, found = _judged_grades(task, encoder, groups)
            values = {
                f"ndcg@{CUTOFF}": ndcg(grades[:, :CUTOFF], task.qrels, CUTOFF),
                "map": average_precision(grades),
                "mrr": reciprocal_rank(grades),
            }
        else:
            k = min(max(options.recall_cutoff, CUTOFF), len(task.passages))
            ranked, found = _ranked(task, encoder, _n_asked(task, k), options, groups)
            ranked = without_excluded(ranked, task.excluded, k)
            values = scores_of_ranking(task, ranked, options)
    return Evaluation(
        item_scores=measured(task.query_ids, task.query_ids[groups], values),
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


def retrieval_service(
    task: RetrievalTask,
    encoder: TextEncoder | TaskEncoder | Searcher,
    options: RetrievalOptions,
    setting: Setting | None,
) -> Service:
    """Find the ten best of all passages for one query. Dense passages are random vectors: as many, and as long."""
    few, requests = min(CUTOFF, len(task.passages)), list(task.queries)[: options.latency_requests]
    if isinstance(encoder, Searcher):
        index = encoder.index(task.passages)
        if setting is not None and isinstance(encoder, TunableSearcher):
            index = encoder.index(task.passages).at(setting)
        return Service(lambda query: index.search([query], few), requests)
    fitted = fitted_on(encoder, task.passages, "passage")
    first = encoded_as(fitted, task.passages[:1], "passage")
    if sp.issparse(first):
        columns = transposed(unit_length(encoded(fitted, task.passages, task.name, "passage")[0]))
    else:
        shape = (len(task.passages), first.shape[1])
        columns = transposed(unit_length(np.random.default_rng(0).standard_normal(shape, dtype=np.float32)))
    return Service(lambda query: nearest(unit_length(unstored_vector(fitted, query, "query")), columns, few), requests)


def query_groups(task: RetrievalTask) -> np.ndarray:
    """Position of the first query of the same words or of the same group, for each query: shape (n_queries,)."""
    duplicates = duplicate_groups(task.queries)
    return duplicates if task.groups is None else joined_groups(duplicates, task.groups)


def scores_of_ranking(task: RetrievalTask, ranked: np.ndarray, options: RetrievalOptions) -> dict[str, np.ndarray]:
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


def top_k(
    queries: Vectors, passages: Vectors, k: int, *, ties: TieOrder | None = None, block_bytes: int = 1 << 28
) -> np.ndarray:
    """Passages with the largest dot products, best first.

    Parameters
    ----------
    queries : ndarray or csr_array of shape (n_queries, dim)
        Of unit length for cosines.
    passages : ndarray or csr_array of shape (n_passages, dim)
        Of unit length for cosines.
    k : int
        At most n_passages.
    ties : TieOrder, optional
        The order of equal scores; without it the first passage comes first (`largest`).
    block_bytes : int
        Scores held at a time, in bytes.

    Returns
    -------
    ndarray of shape (n_queries, k), int64
    """
    if not 1 <= k <= passages.shape[0]:
        raise ValueError(f"k is {k}, with {passages.shape[0]} passages")
    found = [
        largest(scores, k, None if ties is None else ties.take(rows))
        for rows, scores in _score_blocks(queries, passages, block_bytes)
    ]
    return np.concatenate(found) if found else np.zeros((0, k), dtype=np.int64)


def grades_of_ranks(qrels: sp.csr_array, ranked: np.ndarray) -> np.ndarray:
    """Relevance of the passage at each rank: shape (n_queries, k); 0 where there is none (below 0)."""
    grades = np.zeros(ranked.shape)
    row_of_passage = np.zeros(qrels.shape[1])
    for query in range(len(ranked)):
        judged = slice(qrels.indptr[query], qrels.indptr[query + 1])
        row_of_passage[qrels.indices[judged]] = qrels.data[judged]
        grades[query] = row_of_passage[ranked[query]]
        row_of_passage[qrels.indices[judged]] = 0
    return np.where(ranked >= 0, grades, 0)


def without_excluded(ranked: np.ndarray, excluded: sp.csr_array | None, k: int) -> np.ndarray:
    """The first ``k`` passages of each ranking that are not excluded for its query; -1 where there are no more."""
    if excluded is None:
        return ranked[:, :k]
    kept = np.full((len(ranked), k), -1, dtype=np.int64)
    for query, found in enumerate(ranked):
        out = excluded.indices[excluded.indptr[query] : excluded.indptr[query + 1]]
        shown = found[~np.isin(found, out)][:k] if len(out) else found[:k]
        kept[query, : len(shown)] = shown
    return kept


def ndcg(grades: np.ndarray, qrels: sp.csr_array, cutoff: int) -> np.ndarray:
    """Normalised discounted cumulative gain of each query.

    ``DCG = sum over ranks r of grade / log2(1 + r)``, divided by the DCG of the judged passages in their best order, both
    cut at ``cutoff`` [1]_. Gains are the grades themselves, as in trec_eval and scikit-learn (not ``2^grade - 1``).

    Parameters
    ----------
    grades : ndarray of shape (n_queries, at most cutoff)
        Relevance of the passage at each rank.
    qrels : csr_array of shape (n_queries, n_passages)
        All judgments.
    cutoff : int
        Last rank that counts.

    Returns
    -------
    ndarray of shape (n_queries,)
        From 0 to 1.

    References
    ----------
    .. [1] Järvelin & Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques, ACM TOIS 20(4).
    """
    discounts = 1 / np.log2(np.arange(cutoff) + 2)
    ideal = np.empty(qrels.shape[0])
    for query in range(qrels.shape[0]):
        best = np.sort(qrels.data[qrels.indptr[query] : qrels.indptr[query + 1]].astype(np.float64))[::-1][:cutoff]
        ideal[query] = best @ discounts[: len(best)]
    return np.asarray(grades @ discounts[: grades.shape[1]] / ideal)


def reciprocal_rank(grades: np.ndarray) -> np.ndarray:
    """One over the rank of the first relevant passage; 0 where none is among the ranks given [Voorhees 1999, TREC-8]."""
    relevant = grades > 0
    return np.where(relevant.any(axis=1), 1 / (relevant.argmax(axis=1) + 1.0), 0.0)


def average_precision(grades: np.ndarray) -> np.ndarray:
    """Average precision of each query; its mean over queries is MAP.

    The mean, over the relevant passages, of the share of relevant ones among the ranks down to each [1]_. Any grade above 0
    is relevant.

    Parameters
    ----------
    grades : ndarray of shape (n_queries, n_ranks)
        Relevance of the passage at each rank; all relevant passages are among the ranks. Behind a ranking's end stands 0.

    Returns
    -------
    ndarray of shape (n_queries,)
        From 0 to 1; 0 without a relevant passage.

    References
    ----------
    .. [1] Buckley & Voorhees (2000), Evaluating Evaluation Measure Stability, SIGIR.
    """
    relevant = grades > 0
    precision = np.cumsum(relevant, axis=1) / np.arange(1, grades.shape[1] + 1)
    return np.asarray((precision * relevant).sum(axis=1) / np.maximum(relevant.sum(axis=1), 1))


def recall(grades: np.ndarray, qrels: sp.csr_array) -> np.ndarray:
    """Part of a query's relevant passages that is among the ranks given."""
    return np.asarray((grades > 0).sum(axis=1) / np.asarray((qrels > 0).sum(axis=1)).ravel())


@dataclass(frozen=True)
class _Found:
    """Facts of a search beside its ranking."""

    dim: int
    encode_seconds: float
    search_seconds: float
    bytes_per_item: float
    tune_seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)


def _judged_grades(
    task: RetrievalTask, encoder: TextEncoder | TaskEncoder | Searcher, groups: np.ndarray
) -> tuple[np.ndarray, _Found]:
    """Grades of each query's judged passages, the best scored first; behind them 0: shape (n_queries, most judged).

    A searcher is asked for its ranking of all passages, of which the judged ones are kept in their order.
    """
    if isinstance(encoder, Searcher):
        ranked, found = _searched(task, encoder, len(task.passages), groups, is_judged=True)
        return _grades_of_judged(task, _scores_of_ranks(task, ranked)), found
    fitted, queries, passages, encode_seconds = vectors_of(task, encoder)
    started = perf_counter()
    rows, columns = _judged_pairs(task)
    grades = _grades_of_judged(
        task, np.round(_cosines(unit_length(queries), unit_length(passages), rows, columns), DECIMALS)
    )
    size = bytes_per_vector(passages, fitted)
    return grades, _Found(int(passages.shape[1]), encode_seconds, perf_counter() - started, size)


def _judged_pairs(task: RetrievalTask) -> tuple[np.ndarray, np.ndarray]:
    judged = sp.csr_array(task.qrels > 0) if task.judged is None else task.judged
    return np.repeat(np.arange(judged.shape[0]), np.diff(judged.indptr)), judged.indices


def _scores_of_ranks(task: RetrievalTask, ranked: np.ndarray) -> np.ndarray:
    """A score of each judged pair that puts them in the order of rankings of all passages."""
    rows, columns = _judged_pairs(task)
    return np.asarray(-np.argsort(ranked, axis=1)[rows, columns], dtype=np.float64)


def _grades_of_judged(task: RetrievalTask, scores: np.ndarray) -> np.ndarray:
    rows, columns = _judged_pairs(task)
    n_judged = np.bincount(rows, minlength=task.qrels.shape[0])
    order = np.lexsort((columns, task.ties.keys(rows, columns), -scores, rows))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(n_judged) - n_judged, n_judged)
    grades = np.zeros((len(n_judged), int(n_judged.max())))
    grades[rows, place] = np.asarray(task.qrels[rows, columns[order]]).ravel()
    return grades


def _cosines(queries: Vectors, passages: Vectors, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    if sp.issparse(queries):
        return np.asarray(queries[rows].multiply(passages[columns]).sum(axis=1), dtype=np.float64).ravel()
    return np.asarray(np.einsum("ij,ij->i", queries[rows], passages[columns], dtype=np.float64))


def vectors_of(task: RetrievalTask, encoder: TextEncoder | TaskEncoder) -> tuple[TextEncoder, Vectors, Vectors, float]:
    """The encoder, fitted, vectors of queries and passages, and the seconds that fitting and encoding took."""
    with EncodingClock() as clock:
        fitted = fitted_on(encoder, task.passages, "passage")
        passages, _ = encoded(fitted, task.passages, "passages", "passage")
        queries, _ = encoded(fitted, task.queries, "queries", "query")
    return fitted, queries, passages, clock.seconds


def _ranked(
    task: RetrievalTask,
    encoder: TextEncoder | TaskEncoder | Searcher,
    k: int,
    options: RetrievalOptions,
    groups: np.ndarray,
) -> tuple[np.ndarray, _Found]:
    """The first ``k`` passages of each query, and what it cost."""
    if isinstance(encoder, Searcher):
        return _searched(task, encoder, k, groups, is_judged=False)
    fitted, queries, passages, encode_seconds = vectors_of(task, encoder)
    started = perf_counter()
    units = unit_length(passages)
    ranked = top_k(unit_length(queries), units, k, ties=task.ties, block_bytes=options.block_megabytes << 20)
    search_seconds = perf_counter() - started
    return ranked, _Found(int(passages.shape[1]), encode_seconds, search_seconds, bytes_per_vector(passages, fitted))


def _n_asked(task: RetrievalTask, k: int) -> int:
    """Passages to ask for, so that ``k`` are left where a query's own are not shown."""
    most_excluded = 0 if task.excluded is None else int(np.diff(task.excluded.indptr).max())
    return min(k + most_excluded, len(task.passages))


def _searched(
    task: RetrievalTask, searcher: Searcher, k: int, groups: np.ndarray, *, is_judged: bool
) -> tuple[np.ndarray, _Found]:
    """The first ``k`` passages of each query by a searcher, each with the setting that was chosen without it."""
    n_queries, n_passages = len(task.queries), len(task.passages)
    started = perf_counter()
    if not isinstance(searcher, TunableSearcher) or len(searcher.settings) == 1:
        index = searcher.index(task.passages)
        ranked = _checked_ranks(index.search(task.queries, k), n_queries, n_passages, k)
        return ranked, _Found(0, 0.0, perf_counter() - started, index.n_bytes / n_passages)
    tunable, settings = searcher.index(task.passages), searcher.settings
    indexed = perf_counter()
    of_query, details = _chosen_settings(task, tunable, settings, groups, is_judged=is_judged)
    tuned = perf_counter()
    ranked = np.empty((n_queries, k), dtype=np.int64)
    for number in np.unique(of_query).tolist():
        rows = np.flatnonzero(of_query == number)
        ranked[rows] = tunable.at(settings[number]).search(task.queries.take(rows), k)
    seconds = perf_counter() - tuned + indexed - started
    size = tunable.n_bytes / n_passages
    return _checked_ranks(ranked, n_queries, n_passages, k), _Found(0, 0.0, seconds, size, tuned - indexed, details)


def _chosen_settings(
    task: RetrievalTask, index: TunableIndex, settings: Sequence[Setting], groups: np.ndarray, *, is_judged: bool
) -> tuple[np.ndarray, dict[str, Any]]:
    """The number of each query's setting, and which one to take for queries to come."""
    training = None if is_judged or task.training_qrels is None else _training_task(task)
    if training is not None and len(training.queries) >= FEWEST_TRAINING_QUERIES:
        values = _values_of_settings(training, index, settings, is_judged=False)
        best = int(values.mean(axis=1).argmax())
        facts = {"setting": dict(settings[best]), "settings_tried": len(settings), "chosen_on": "training queries"}
        return np.full(len(task.queries), best), facts
    values = _values_of_settings(task, index, settings, is_judged=is_judged)
    of_query = cross_fitted(values, folds_of_queries(task.queries, groups))
    chosen, counts = np.unique(of_query, return_counts=True)
    return of_query, {
        "setting": dict(settings[int(values.mean(axis=1).argmax())]),
        "settings_tried": len(settings),
        "chosen_on": "queries of the other folds",
        "settings_of_queries": [
            {**settings[number], "n_queries": count} for number, count in zip(chosen.tolist(), counts.tolist(), strict=True)
        ],
    }


def _training_task(task: RetrievalTask) -> RetrievalTask:
    """The same passages, with those training queries that have an answer."""
    if task.training_qrels is None:
        raise ValueError(f"{task.name} has no training queries")
    answered = np.flatnonzero(np.asarray((task.training_qrels > 0).sum(axis=1)).ravel())
    return dataclasses.replace(
        task,
        query_ids=np.array([f"training {row}" for row in answered.tolist()]),
        queries=task.training_queries.take(answered),
        qrels=sp.csr_array(task.training_qrels)[answered],
        judged=None,
        excluded=None,
    )


def _values_of_settings(
    task: RetrievalTask, index: TunableIndex, settings: Sequence[Setting], *, is_judged: bool
) -> np.ndarray:
    """nDCG@10 of each query with each setting: shape (n_settings, n_queries)."""
    k = len(task.passages) if is_judged else _n_asked(task, CUTOFF)
    values = np.empty((len(settings), len(task.queries)))
    for row, setting in enumerate(settings):
        ranked = index.at(setting).search(task.queries, k)
        if is_judged:
            grades = _grades_of_judged(task, _scores_of_ranks(task, ranked))[:, :CUTOFF]
        else:
            grades = grades_of_ranks(task.qrels, without_excluded(ranked, task.excluded, CUTOFF))
        values[row] = ndcg(grades, task.qrels, CUTOFF)
    return values


def folds_of_queries(queries: Sequence[str], groups: np.ndarray, n_folds: int = N_FOLDS) -> np.ndarray:
    """Deal groups of queries out to folds, by a hash of their words: the order of a file has no say.

    Parameters
    ----------
    queries : sequence of str
    groups : ndarray of shape (n_queries,)
        Queries of one group are in one fold.
    n_folds : int
        Folds; fewer where there are fewer groups.

    Returns
    -------
    ndarray of shape (n_queries,), int64
    """
    _, group_of = np.unique(groups, return_inverse=True)
    lowest = np.full(int(group_of.max()) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(lowest, group_of, hashes(queries))
    place = np.argsort(np.argsort(lowest, kind="stable"), kind="stable")
    return np.asarray((place % n_folds)[group_of], dtype=np.int64)


def cross_fitted(values: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Choose a setting for each unit by the mean of the units in other folds.

    Parameters
    ----------
    values : ndarray of shape (n_settings, n_units)
        Higher is better.
    folds : ndarray of shape (n_units,), int64

    Returns
    -------
    ndarray of shape (n_units,), int64
        Number of the setting; the first of equally good ones, and where there is one fold alone.
    """
    chosen = np.zeros(values.shape[1], dtype=np.int64)
    for fold in np.unique(folds):
        others = folds != fold
        if others.any():
            chosen[~others] = np.round(values[:, others].mean(axis=1), 12).argmax()
    return chosen


def _checked_ranks(ranked: np.ndarray, n_queries: int, n_passages: int, k: int) -> np.ndarray:
    ranked = np.asarray(ranked)
    if ranked.shape != (n_queries, k):
        raise ValueError(f"the searcher gave an array of shape {ranked.shape} for {n_queries} queries and k = {k}")
    if ranked.size and (ranked.min() < 0 or ranked.max() >= n_passages):
        raise ValueError(f"the searcher named a passage outside 0 to {n_passages - 1}")
    in_order = np.sort(ranked, axis=1)
    if (in_order[:, 1:] == in_order[:, :-1]).any():
        raise ValueError("the searcher named one passage twice for a query")
    return ranked.astype(np.int64)


def _score_blocks(queries: Vectors, passages: Vectors, block_bytes: int) -> Iterator[tuple[slice, np.ndarray]]:
    rows = max(1, block_bytes // (8 * passages.shape[0]))
    columns = transposed(passages)
    for start in range(0, queries.shape[0], rows):
        block = slice(start, start + rows)
        yield block, _scores(queries[block], columns)


def transposed(passages: Vectors) -> Vectors:
    """Passages as `nearest` takes them: a column each."""
    return passages.T.tocsr() if sp.issparse(passages) else passages.T


def nearest(queries: Vectors, columns: Vectors, k: int) -> np.ndarray:
    """Passages, as `transposed` gives them, with the largest dot products: shape (n_queries, k); all scores at once."""
    return largest(_scores(queries, columns), k)


def _scores(queries: Vectors, columns: Vectors) -> np.ndarray:
    product = queries @ columns
    scores = product.toarray() if sp.issparse(product) else np.asarray(product)
    return np.round(scores, DECIMALS, out=scores)


def _require_relevant_passages(task: RetrievalTask) -> None:
    without = np.flatnonzero(np.asarray((task.qrels > 0).sum(axis=1)).ravel() == 0)
    if len(without):
        raise DataError(
            f"{task.name}, query {task.query_ids[without[0]]}",
            f"has no relevant passage ({len(without)} such queries)",
            "judge a passage relevant or drop the query",
        )
