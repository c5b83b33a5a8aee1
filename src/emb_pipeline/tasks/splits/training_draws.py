"""Probes on resamples of the training labels: how far scores would move with other labels of the same kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from emb_pipeline.tasks.scores import MEASURED_DRAWS

SEED = 20_100
"""Of the resamples: the same for every embedding and every seed of its training."""


@dataclass(frozen=True, eq=False)
class TrainingDraws:
    """Item scores of probes that learn from bootstrap samples of the training examples.

    Attributes
    ----------
    metric : str
        What the scores are of.
    copies : ndarray of shape (n_draws, n_examples), int64
        How often each example of the task is in each resample; test examples of an official split never are.
    scores : ndarray of shape (n_draws, n_units), float32
        Of each test unit. They are written here as the probes are fitted.
    """

    metric: str
    copies: np.ndarray
    scores: np.ndarray

    @classmethod
    def plan(cls, metric: str, *, learnt: np.ndarray, groups: np.ndarray, n_units: int, n_draws: int) -> TrainingDraws:
        """Draw resamples, for scores that are still to be written.

        Groups are drawn with replacement, as many as there are, with all their examples: duplicates and examples that belong
        together come together.

        Parameters
        ----------
        metric : str
            What the scores will be of.
        learnt : ndarray of int
            The examples that are learned from, in one fold or another.
        groups : ndarray of shape (n_examples,)
            Group of each example of the task.
        n_units, n_draws : int
            Test units and resamples.
        """
        copies = np.zeros((n_draws, len(groups)), dtype=np.int64)
        _, group_of = np.unique(groups[learnt], return_inverse=True)
        n_groups = int(group_of.max()) + 1
        for draw in range(n_draws):
            drawn = np.random.default_rng([SEED, draw]).integers(0, n_groups, n_groups)
            copies[draw, learnt] = np.bincount(drawn, minlength=n_groups)[group_of]
        return cls(metric, copies, np.zeros((n_draws, n_units), dtype=np.float32))

    def resamples(self, train: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Stream each draw's number, and its part of these examples: positions among them, each as often as it was drawn."""
        for draw, copies in enumerate(self.copies):
            yield draw, np.repeat(np.arange(len(train)), copies[train])

    def table(self, unit_ids: np.ndarray) -> pa.Table:
        """Build a row per unit, of schema MEASURED_DRAWS; empty without draws."""
        if not len(self.scores):
            return MEASURED_DRAWS.empty_table()
        n_draws, n_units = self.scores.shape
        values = pa.ListArray.from_arrays(
            pa.array(np.arange(n_units + 1) * n_draws, pa.int32()), pa.array(self.scores.T.ravel(), pa.float32())
        )
        columns = [pa.repeat(pa.scalar(self.metric), n_units), pa.array(unit_ids.tolist(), pa.string()), values]
        return pa.table(columns, schema=MEASURED_DRAWS)
