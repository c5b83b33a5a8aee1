"""Metrics of rankings, one value per query or user: how well they serve, and what lists of recommended items are like.

A ranking is a row of numbers of passages or items, best first; below 0 there is none.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.ranking import TieOrder


def ranks_of_wanted(scores: np.ndarray, wanted: sp.csr_array, ties: TieOrder) -> sp.csr_array:
    """Rank of each item that a user wants, among all items.

    Parameters
    ----------
    scores : ndarray of shape (n_users, n_items)
        ``-inf`` for what is not ranked.
    wanted : csr_array of shape (n_users, n_items)
        Not 0 for the wanted items of each user.
    ties : TieOrder
        The order of equal scores.

    Returns
    -------
    csr_array of shape (n_users, n_items), int64
        The ranks, from 1, where ``wanted`` is not 0.
    """
    # numba takes half a second to import; what does not rank needs none.
    from emb_pipeline.embeddings.ranking_kernels import count_in_front

    ranks = np.empty(wanted.nnz, dtype=np.int64)
    count_in_front(scores, wanted.indptr, wanted.indices, ties.rows, ties.columns, ranks)
    return sp.csr_array((ranks, wanted.indices, wanted.indptr), shape=wanted.shape)


def grades_at_ranks(ranks: sp.csr_array, cutoff: int) -> np.ndarray:
    """Write 1 at each rank where a wanted item is, else 0: shape (n_users, cutoff)."""
    grades = np.zeros((ranks.shape[0], cutoff))
    users = np.repeat(np.arange(ranks.shape[0]), np.diff(ranks.indptr))
    shown = ranks.data <= cutoff
    grades[users[shown], ranks.data[shown] - 1] = 1
    return grades


def reciprocal_rank_of_all(ranks: sp.csr_array) -> np.ndarray:
    """Compute one over the rank of the best item that a user wants, wherever it is [Voorhees 1999, TREC-8].

    Every user wants an item or more.
    """
    best: np.ndarray = 1 / np.minimum.reduceat(ranks.data, ranks.indptr[:-1])
    return best


def novelty(lists: np.ndarray, counts: np.ndarray, n_users: int) -> np.ndarray:
    """Compute the mean self-information of the items of a list, in bits.

    ``-log2((1 + users of the item) / (1 + users))``: how much of a surprise it is that somebody took the item [1]_. The 1
    added to both gives an item that nobody took yet a finite value, the highest.

    Parameters
    ----------
    lists : ndarray of shape (n_lists, k), int
    counts : ndarray of shape (n_items,)
        Users of each item in training.
    n_users : int
        Users in training.

    Returns
    -------
    ndarray of shape (n_lists,)
        From 0 to ``log2(1 + n_users)``.

    References
    ----------
    .. [1] Zhou et al. (2010), Solving the apparent diversity-accuracy dilemma of recommender systems, PNAS 107(10).
    """
    return _average_lists(lists, -np.log2((1 + counts) / (1 + n_users)))


def average_popularity(lists: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Average recommendation popularity (ARP): mean number of training users of the items of a list [1]_.

    Parameters
    ----------
    lists : ndarray of shape (n_lists, k), int
    counts : ndarray of shape (n_items,)
        Users of each item in training.

    Returns
    -------
    ndarray of shape (n_lists,)

    References
    ----------
    .. [1] Yin et al. (2012), Challenging the long tail recommendation, VLDB 5(9); named ARP by Abdollahpouri et al. (2019),
       Managing popularity bias in recommender systems with personalized re-ranking, FLAIRS.
    """
    return _average_lists(lists, counts.astype(np.float64))


def _average_lists(lists: np.ndarray, of_item: np.ndarray) -> np.ndarray:
    there = lists >= 0
    values = np.where(there, of_item[lists], 0)
    means: np.ndarray = values.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return means


def grades_of_ranks(qrels: sp.csr_array, ranked: np.ndarray) -> np.ndarray:
    """Compute the relevance of the passage at each rank: shape (n_queries, k); 0 where there is none (below 0)."""
    grades = np.zeros(ranked.shape)
    row_of_passage = np.zeros(qrels.shape[1])
    for query in range(len(ranked)):
        judged = slice(qrels.indptr[query], qrels.indptr[query + 1])
        row_of_passage[qrels.indices[judged]] = qrels.data[judged]
        grades[query] = row_of_passage[ranked[query]]
        row_of_passage[qrels.indices[judged]] = 0
    return np.where(ranked >= 0, grades, 0)


def ndcg(grades: np.ndarray, qrels: sp.csr_array, cutoff: int) -> np.ndarray:
    """Compute the normalised discounted cumulative gain of each query.

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
    """Divide 1 by the rank of the first relevant passage; 0 where none is among the ranks given [Voorhees 1999, TREC-8]."""
    relevant = grades > 0
    return np.where(relevant.any(axis=1), 1 / (relevant.argmax(axis=1) + 1.0), 0.0)


def average_precision(grades: np.ndarray) -> np.ndarray:
    """Average precision of each query; its mean over queries is MAP.

    The mean, over the relevant passages, of the share of relevant ones among the ranks down to each [1]_. Any grade above 0
    is relevant.

    Parameters
    ----------
    grades : ndarray of shape (n_queries, n_ranks)
        Relevance of the passage at each rank; all relevant passages are among the ranks. Behind a ranking's end is 0.

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
    """Compute the part of a query's relevant passages that is among the ranks given."""
    return np.asarray((grades > 0).sum(axis=1) / np.asarray((qrels > 0).sum(axis=1)).ravel())


CUTOFF = 10
"""Rank that nDCG and MRR are cut at: the figures that BEIR and MTEB report."""
