"""Passages that a search finds, with their scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from emb_pipeline.embeddings.ranking import TieOrder, largest

NOTHING = -np.inf
"""Score of a passage that a searcher has found nothing in: it fills a ranking up, in random order."""


@dataclass(frozen=True, eq=False)
class Hits:
    """The best passages of some queries, best first.

    Attributes
    ----------
    passages : ndarray of shape (n_queries, k), int64
        Their indices; -1 behind the end of a ranking of fewer passages.
    scores : ndarray of shape (n_queries, k), float64
        On the searcher's own scale, not rising along a row; `NOTHING` where nothing was found.
    """

    passages: np.ndarray
    scores: np.ndarray


def take_best(scores: np.ndarray, k: int, ties: TieOrder, among: sp.csr_array | None = None) -> Hits:
    """Take the passages with the largest scores.

    Parameters
    ----------
    scores : ndarray of shape (n_queries, n_passages)
    k : int
        Passages for each query, at most n_passages.
    ties : TieOrder
        The order of equal scores.
    among : csr_array of shape (n_queries, n_passages), bool, optional
        The passages that may be taken; all by default.
    """
    if among is None:
        passages = largest(scores, k, ties)
        return Hits(passages, np.take_along_axis(scores, passages, axis=1).astype(np.float64))
    found = Hits(np.full((len(scores), k), -1, dtype=np.int64), np.full((len(scores), k), NOTHING))
    for row in range(len(scores)):
        allowed = among.indices[among.indptr[row] : among.indptr[row + 1]]
        n_taken = min(k, len(allowed))
        if not n_taken:
            continue
        of_row = TieOrder(ties.rows[row : row + 1], ties.columns[allowed])
        taken = allowed[largest(scores[row : row + 1, allowed], n_taken, of_row)[0]]
        found.passages[row, :n_taken] = taken
        found.scores[row, :n_taken] = scores[row, taken]
    return found


def rank_scores(
    blocks: Iterable[tuple[slice, np.ndarray]], k: int, ties: TieOrder, among: sp.csr_array | None = None
) -> Hits:
    """Take the passages with the largest scores, of some queries at a time: rows, and scores of all passages."""
    k = min(k, len(ties.columns))
    found = [take_best(scores, k, ties.take(rows), None if among is None else among[rows]) for rows, scores in blocks]
    if not found:
        return Hits(np.zeros((0, k), dtype=np.int64), np.zeros((0, k)))
    return Hits(np.concatenate([each.passages for each in found]), np.concatenate([each.scores for each in found]))
