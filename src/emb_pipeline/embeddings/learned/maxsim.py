"""MaxSim: a passage scores the sum, over a query's tokens, of the product with its own nearest token [1]_.

References
----------
.. [1] Khattab & Zaharia (2020), ColBERT: Efficient and Effective Passage Search via Contextualized Late Interaction over
   BERT, SIGIR, section 3.3.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from emb_pipeline.embeddings.retrieval.hits import NOTHING
from emb_pipeline.storage.vector_rows import TokenVectors

DECIMALS = 5
"""Scores are compared to this precision: what is below depends on the other texts of a block."""
_SCORE_BYTES, _PRODUCT_BYTES = 8, 4


def score_passages(
    queries: TokenVectors, passages: TokenVectors, *, block_bytes: int = 1 << 28
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the rows of some queries at a time, and their scores of all passages.

    Parameters
    ----------
    queries, passages : TokenVectors
        A text without tokens scores `NOTHING`, and finds nothing.
    block_bytes : int
        Scores, and products of tokens, that are held at a time, in bytes of each.

    Yields
    ------
    slice, ndarray of shape (n_rows, n_passages), float64
        Rounded to `DECIMALS`.
    """
    n_rows = max(1, block_bytes // (_SCORE_BYTES * max(len(passages), 1)))
    start = 0
    while start < len(queries):
        stop = min(start + n_rows, _find_end(queries.offsets, start, block_bytes // (_PRODUCT_BYTES * _longest(passages))))
        rows = slice(start, stop)
        yield rows, _score_block(queries.take(np.arange(start, stop)), passages, block_bytes)
        start = stop


def _score_block(queries: TokenVectors, passages: TokenVectors, block_bytes: int) -> np.ndarray:
    scores = np.full((len(queries), len(passages)), NOTHING)
    asked = np.flatnonzero(queries.counts)
    if not len(asked):
        return scores
    of_queries = np.asarray(queries.vectors, dtype=np.float32)
    most = max(1, block_bytes // (_PRODUCT_BYTES * len(of_queries)))
    start = 0
    while start < len(passages):
        stop = _find_end(passages.offsets, start, most)
        columns = start + np.flatnonzero(passages.counts[start:stop])
        first, last = passages.offsets[start], passages.offsets[stop]
        if len(columns):
            products = of_queries @ np.asarray(passages.vectors[first:last], dtype=np.float32).T
            best = np.maximum.reduceat(products, passages.offsets[columns] - first, axis=1)
            sums = np.add.reduceat(best, queries.offsets[asked], axis=0, dtype=np.float64)
            scores[np.ix_(asked, columns)] = np.round(sums, DECIMALS)
        start = stop
    return scores


def _find_end(offsets: np.ndarray, start: int, most: int) -> int:
    """Find the end of the texts from ``start`` on that have so many tokens at most; one text at least."""
    return max(start + 1, int(np.searchsorted(offsets, offsets[start] + most, side="right")) - 1)


def _longest(texts: TokenVectors) -> int:
    return max(1, int(texts.counts.max(initial=0)))
