"""Queries with a relevant passage each, and the passages that a model learns to rank below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class RankingExamples:
    """Queries with a relevant passage each, and the passages that the others are drawn from.

    Attributes
    ----------
    queries : sequence of str, of length n_pairs
    relevant : ndarray of shape (n_pairs,), int64
        Row of each query's passage.
    passages : sequence of str
        All passages.
    hard : list of ndarray
        Rows that look relevant to each pair's query but are not; perhaps none.
    others : ndarray of int64
        Rows that any pair may be compared with.
    judged : list of ndarray
        Rows that must not be drawn for each pair: all that are relevant to its query.
    """

    queries: Sequence[str]
    relevant: np.ndarray
    passages: Sequence[str]
    hard: list[np.ndarray]
    others: np.ndarray
    judged: list[np.ndarray]


def draw_negatives(examples: RankingExamples, row: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw passages that are not relevant to a query: half of them from the hard ones, as far as there are any."""
    hard = examples.hard[row]
    n_hard = min(len(hard), -(-n // 2))
    drawn = rng.permutation(hard)[:n_hard]
    others: list[int] = []
    while len(others) < n - n_hard:
        found = rng.choice(examples.others, size=4 * n)
        others += [passage for passage in found.tolist() if passage not in examples.judged[row]]
    return np.concatenate([drawn, others[: n - n_hard]]).astype(np.int64)


class NegativeDraws:
    """The passages that each query is compared with: others in each pass of a training, the same in each held-out loss.

    Parameters
    ----------
    examples : RankingExamples
        What to draw from.
    n : int
        Passages for each pair.
    seed : int
        Of the draws.
    """

    def __init__(self, examples: RankingExamples, n: int, seed: int) -> None:
        self._examples, self._n, self._seed = examples, n, seed
        self._rng = np.random.default_rng([seed, 5])

    def draw(self, rows: np.ndarray, *, is_training: bool) -> np.ndarray:
        """Draw the passages of some pairs: shape (n_rows, n), int64."""
        sources = [self._rng if is_training else np.random.default_rng([self._seed, 6, row]) for row in rows.tolist()]
        drawn = [draw_negatives(self._examples, row, self._n, rng) for row, rng in zip(rows.tolist(), sources, strict=True)]
        return np.stack(drawn)
