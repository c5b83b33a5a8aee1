"""Exact search: the passages with the largest dot products."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.protocols import Vectors
from emb_pipeline.embeddings.ranking import TieOrder, largest, split_rows

DECIMALS = 6
"""Scores are compared to this precision: what is below is rounding of float32 sums, and would break ties by chance."""
_FEWEST_QUERIES, _QUERIES_PER_PASS = 128, 4096
"""Queries that a block holds the scores of with all passages, at least; where it has no room, passages are parted too."""


def find_top_k(
    queries: Vectors, passages: Vectors, k: int, *, ties: TieOrder | None = None, block_bytes: int = 1 << 28
) -> np.ndarray:
    """Find the passages with the largest dot products, best first.

    Dense passages may be on disk (`numpy.memmap`): where the scores of 128 queries do not fit a block, they are read some at
    a time, once for each 4,096 queries.

    Parameters
    ----------
    queries : ndarray or csr_array of shape (n_queries, dim)
        As `prepare_for_search` gives them.
    passages : ndarray or csr_array of shape (n_passages, dim)
        As `prepare_for_search` gives them.
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
    if not sp.issparse(passages) and 8 * passages.shape[0] * min(queries.shape[0], _FEWEST_QUERIES) > block_bytes:
        parts = range(0, queries.shape[0], _QUERIES_PER_PASS)
        return np.concatenate(
            [_pass_over(queries, passages, k, ties, slice(start, start + _QUERIES_PER_PASS), block_bytes) for start in parts]
        )
    found = [
        largest(scores, k, None if ties is None else ties.take(rows))
        for rows, scores in score_blocks(queries, transpose_passages(passages), block_bytes)
    ]
    return np.concatenate(found) if found else np.zeros((0, k), dtype=np.int64)


def _pass_over(
    queries: np.ndarray, passages: np.ndarray, k: int, ties: TieOrder | None, rows: slice, block_bytes: int
) -> np.ndarray:
    """Find the best passages of some queries by one pass over the passages, some of them at a time."""
    from emb_pipeline.embeddings.ranking_kernels import keep_largest, sort_largest

    asked = queries[rows]
    shape, none = (len(asked), k), np.zeros(0, dtype=np.uint64)
    values = np.empty(shape, np.result_type(queries, passages))
    keys, places = np.zeros(shape, np.uint64), np.empty(shape, np.int64)
    of_rows, of_columns = (none, none) if ties is None else (ties.rows[rows], ties.columns)
    n_together = max(1, block_bytes // (8 * len(asked)))
    for first in range(0, len(passages), n_together):
        scores = _compute_scores(asked, np.asarray(passages[first : first + n_together]).T)
        keep_largest(scores, first, of_rows, of_columns, values, keys, places)
    sort_largest(values, keys, places)
    return places


def compute_products(queries: Vectors, passages: Vectors, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Compute the dot product of each pair of a query's row and a passage's: shape (n_pairs,)."""
    if sp.issparse(queries):
        return np.asarray(queries[rows].multiply(passages[columns]).sum(axis=1), dtype=np.float64).ravel()
    return np.asarray(np.einsum("ij,ij->i", queries[rows], passages[columns], dtype=np.float64))


def score_blocks(queries: Vectors, columns: Vectors, block_bytes: int = 1 << 28) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the rows of some queries at a time, and their dot products with all passages: shape (n_rows, n_passages)."""
    for rows in split_rows(queries.shape[0], columns.shape[1], block_bytes):
        yield rows, _compute_scores(queries[rows], columns)


def transpose_passages(passages: Vectors) -> Vectors:
    """Turn passages into columns, as `find_nearest` takes them."""
    return passages.T.tocsr() if sp.issparse(passages) else passages.T


def find_nearest(queries: Vectors, columns: Vectors, k: int) -> np.ndarray:
    """Find the passages with the largest dot products: shape (n_queries, k); `transpose_passages` gives the columns."""
    return largest(_compute_scores(queries, columns), k)


def _compute_scores(queries: Vectors, columns: Vectors) -> np.ndarray:
    product = queries @ columns
    scores = product.toarray() if sp.issparse(product) else np.asarray(product)
    return np.round(scores, DECIMALS, out=scores)
