"""The inner loop of word search, compiled: it knows numbers of words and passages, and no texts."""

from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def add_weights(
    starts: np.ndarray,
    words: np.ndarray,
    repeats: np.ndarray,
    indptr: np.ndarray,
    indices: np.ndarray,
    weights: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Add the weights of each query's words to the scores of the passages that have them.

    Parameters
    ----------
    starts : ndarray of shape (n_queries + 1,), int64
        The place of each query's first word, and the end.
    words : ndarray of shape (n_words_of_queries,), int64
        Numbers of words, in the queries' own order, each once for a query.
    repeats : ndarray of shape (n_words_of_queries,), float32
        What each of these is worth, 1 for a word that its query has once.
    indptr, indices : ndarray of shape (n_words + 1,) and (n_weights,), int
        The place of each word's first weight, and the passage of each weight.
    weights : ndarray of shape (n_weights,), float32
    scores : ndarray of shape (n_queries, n_passages), float32
        Is added to.
    """
    for query in range(len(starts) - 1):
        of_query = scores[query]
        for number in range(starts[query], starts[query + 1]):
            word, worth = words[number], repeats[number]
            for place in range(indptr[word], indptr[word + 1]):
                of_query[indices[place]] += worth * weights[place]
