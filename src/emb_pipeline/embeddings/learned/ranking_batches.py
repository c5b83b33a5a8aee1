"""Batches of queries, each compared with the passages of all of them, and the loss of their scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emb_pipeline.embeddings.retrieval.ranking_examples import NegativeDraws, RankingExamples

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class RankingBatch:
    """Queries, and passages that each of them is compared with.

    Attributes
    ----------
    queries, passages : list of str
        The texts.
    relevant : ndarray of shape (n_queries,), int64
        Position of each query's passage.
    is_left_out : ndarray of shape (n_queries, n_passages), bool
        Passages that are relevant to the query, too, and do not count against it.
    """

    queries: list[str]
    passages: list[str]
    relevant: np.ndarray
    is_left_out: np.ndarray


class BatchMaker:
    """Batches of pairs: each query meets its passage, its own negatives, and those of all other pairs of the batch.

    Parameters
    ----------
    examples : RankingExamples
        What to learn from.
    n_negatives : int
        Passages that are drawn for each pair.
    seed : int
        Of the draws.
    """

    def __init__(self, examples: RankingExamples, n_negatives: int, seed: int) -> None:
        self._examples = examples
        self._negatives = NegativeDraws(examples, n_negatives, seed)
        self._answers: dict[str, set[int]] = {}
        for query, rows in zip(examples.queries, examples.judged, strict=True):
            self._answers.setdefault(query, set()).update(rows.tolist())

    def make(self, rows: np.ndarray, *, is_training: bool) -> RankingBatch:
        """Make the batch of some pairs."""
        drawn = self._negatives.draw(rows, is_training=is_training)
        wanted = self._examples.relevant[rows]
        passages = np.unique(np.concatenate([wanted, drawn.ravel()]))
        queries = [self._examples.queries[row] for row in rows.tolist()]
        answers = [self._answers[query] for query in queries]
        is_answer = np.array([[passage in of_query for passage in passages.tolist()] for of_query in answers])
        return RankingBatch(
            queries,
            [self._examples.passages[row] for row in passages.tolist()],
            np.searchsorted(passages, wanted),
            is_answer & (passages[None, :] != wanted[:, None]),
        )


def compute_ranking_loss(scores: torch.Tensor, batch: RankingBatch) -> torch.Tensor:
    """Compute the mean cross-entropy of each query's scores, with its relevant passage as the one that is wanted.

    It is the library's MultipleNegativesRankingLoss, but for passages that are relevant to the query, too: they are left
    out [1]_.

    Parameters
    ----------
    scores : Tensor of shape (n_queries, n_passages)
        Times their scale.
    batch : RankingBatch
        Says which passage is whose.

    References
    ----------
    .. [1] Henderson et al. (2017), Efficient Natural Language Response Suggestion for Smart Reply, §4.
    """
    import torch

    left_out, wanted = (torch.from_numpy(part).to(scores.device) for part in (batch.is_left_out, batch.relevant))
    return torch.nn.functional.cross_entropy(scores.masked_fill(left_out, -math.inf), wanted)
