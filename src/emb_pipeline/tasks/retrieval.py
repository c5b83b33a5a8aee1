"""Retrieval: exact search by cosine, or by a searcher of its own. Unit: the query."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from emb_pipeline.embeddings.encoders import Searcher, Setting, TaskEncoder, TextEncoder, Vectors, encoded_as, fitted_on
from emb_pipeline.embeddings.encoding_clock import EncodingClock
from emb_pipeline.embeddings.ranking import TieOrder, largest
from emb_pipeline.tasks.evaluation import Evaluation, Service
from emb_pipeline.tasks.examples import RetrievalTask
from emb_pipeline.tasks.folds import duplicate_groups
from emb_pipeline.tasks.options import RetrievalOptions
from emb_pipeline.tasks.scores import measured
from emb_pipeline.tasks.vectors import bytes_per_vector, encoded, unit_length, unstored_vector
from emb_pipeline.text.errors import DataError

CUTOFF = 10
"""Rank that nDCG and MRR are cut at: the figures that BEIR and MTEB report."""

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
    search engine is; neither queries nor judgments are seen.

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
    with threadpool_limits(1):
        if options.rank == "judged":
            grades, dim, encode_seconds, search_seconds, size = _judged_grades(task, encoder)
            values = {
                f"ndcg@{CUTOFF}": ndcg(grades[:, :CUTOFF], task.qrels, CUTOFF),
                "map": average_precision(grades),
                "mrr": reciprocal_rank(grades),
            }
        else:
            k = min(max(options.recall_cutoff, CUTOFF), len(task.passages))
            most_excluded = 0 if task.excluded is None else int(np.diff(task.excluded.indptr).max())
            asked = min(k + most_excluded, len(task.passages))
            ranked, dim, encode_seconds, search_seconds, size = _ranked(task, encoder, asked, options)
            ranked = without_excluded(ranked, task.excluded, k)
            values = scores_of_ranking(task, ranked, options)
    return Evaluation(
        item_scores=measured(task.query_ids, task.query_ids[duplicate_groups(task.queries)], values),
        metrics={name: float(scores.mean()) for name, scores in values.items()},
        dim=dim,
        encode_seconds=encode_seconds,
        fit_seconds=search_seconds,
        bytes_per_item=size,
        details={
            "n_queries": len(task.queries),
            "n_passages": len(task.passages),
            "queries_per_second": len(task.queries) / max(search_seconds, 1e-9),
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
        return Service(lambda query: index.search([query], few), requests)
    fitted = fitted_on(encoder, task.passages, "passage")
    first = encoded_as(fitted, task.passages[:1], "passage")
    if sp.issparse(first):
        columns = transposed(unit_length(encoded(fitted, task.passages, task.name, "passage")[0]))
    else:
        shape = (len(task.passages), first.shape[1])
        columns = transposed(unit_length(np.random.default_rng(0).standard_normal(shape, dtype=np.float32)))
    return Service(lambda query: nearest(unit_length(unstored_vector(fitted, query, "query")), columns, few), requests)


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


def _judged_grades(
    task: RetrievalTask, encoder: TextEncoder | TaskEncoder | Searcher
) -> tuple[np.ndarray, int, float, float, float]:
    """Grades of each query's judged passages, the best scored first; behind them 0: shape (n_queries, most judged).

    A searcher is asked for its ranking of all passages, of which the judged ones are kept in their order.
    """
    judged = sp.csr_array(task.qrels > 0) if task.judged is None else task.judged
    rows, columns = np.repeat(np.arange(judged.shape[0]), np.diff(judged.indptr)), judged.indices
    if isinstance(encoder, Searcher):
        n_passages = len(task.passages)
        started = perf_counter()
        index = encoder.index(task.passages)
        ranks = _checked_ranks(index.search(task.queries, n_passages), len(task.queries), n_passages, n_passages)
        scores = -np.argsort(ranks, axis=1)[rows, columns].astype(np.float64)
        dim, size, encode_seconds = 0, index.n_bytes / n_passages, 0.0
    else:
        fitted, queries, passages, encode_seconds = vectors_of(task, encoder)
        dim, size = int(passages.shape[1]), bytes_per_vector(passages, fitted)
        started = perf_counter()
        units = unit_length(queries), unit_length(passages)
        scores = np.round(_cosines(units[0], units[1], rows, columns), DECIMALS)
    order = np.lexsort((columns, task.ties.keys(rows, columns), -scores, rows))
    place = np.arange(len(rows)) - judged.indptr[rows]
    grades = np.zeros((judged.shape[0], int(np.diff(judged.indptr).max())))
    grades[rows, place] = np.asarray(task.qrels[rows, columns[order]]).ravel()
    return grades, dim, encode_seconds, perf_counter() - started, size


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
) -> tuple[np.ndarray, int, float, float, float]:
    """Ranks, dimension, seconds of encoding and of searching, and bytes of a passage."""
    started = perf_counter()
    if isinstance(encoder, Searcher):
        index = encoder.index(task.passages)
        found = _checked_ranks(index.search(task.queries, k), len(task.queries), len(task.passages), k)
        seconds, size = perf_counter() - started, index.n_bytes / len(task.passages)
        return found, 0, 0.0, seconds, size
    fitted, queries, passages, encode_seconds = vectors_of(task, encoder)
    started = perf_counter()
    units = unit_length(passages)
    found = top_k(unit_length(queries), units, k, ties=task.ties, block_bytes=options.block_megabytes << 20)
    search_seconds = perf_counter() - started
    return found, int(passages.shape[1]), encode_seconds, search_seconds, bytes_per_vector(passages, fitted)


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
