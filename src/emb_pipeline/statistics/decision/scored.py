"""Scores of a task's candidates with their resamples: all that a decision starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from emb_pipeline.statistics.decision.dunnett import Comparisons, compare_with
from emb_pipeline.statistics.decision.standings import MARGINS
from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means
from emb_pipeline.statistics.intervals.metric_ranges import find_largest_difference
from emb_pipeline.statistics.system_scores import SystemScores

ALL_TASKS = "all tasks"
"""The decision over several tasks, besides those for each."""


@dataclass(frozen=True)
class Criterion:
    """The metric that candidates of a task are judged by.

    Attributes
    ----------
    task, metric : str
        What they are scored on, and by what; higher is better.
    margin : float
        How much worse than the best is still good enough, in the metric's own scale.
    """

    task: str
    metric: str
    margin: float


@dataclass(frozen=True, eq=False)
class Scored:
    """The candidates' scores on one task.

    Attributes
    ----------
    task, metric : str
        What they were scored on, and by what; higher is better.
    embeddings : list of str
        Names of the columns.
    values : ndarray of shape (n_embeddings,)
        Mean scores.
    resampled : ndarray of shape (n_resamples, n_embeddings)
        The same of resampled units.
    margin : float
        How much worse than the best is still good enough, in the metric's own scale.
    n_units : int
        Units that were scored.
    largest : float
        Largest difference that the metric can show: no bound is further away.
    floor : Scored, optional
        What a candidate must exceed to be worth anything, with the same resamples: controls, the largest class, chance.
    labels_note : str
        What is to be known of the labels that the scores are of, where these are not as many as were asked for.
    """

    task: str
    metric: str
    embeddings: list[str]
    values: np.ndarray
    resampled: np.ndarray
    margin: float
    n_units: int
    largest: float = np.inf
    floor: Scored | None = None
    labels_note: str = ""

    @classmethod
    def of_units(
        cls,
        criterion: Criterion,
        embeddings: SystemScores,
        floors: Mapping[str, np.ndarray] | None = None,
        *,
        n_resamples: int,
        rng: np.random.Generator,
    ) -> Scored:
        """From item scores of the embeddings, and of each floor; the variance beyond the units is of both, floors last."""
        matrix = np.column_stack([embeddings.values, *(floors or {}).values()])
        resampled = bootstrap_means(matrix, n_resamples=n_resamples, rng=rng, groups=embeddings.groups, discordant=True)
        if embeddings.extra is not None:
            resampled = resampled + embeddings.extra.draw_deviations(n_resamples, rng)
        whole = cls(
            criterion.task,
            criterion.metric,
            [*embeddings.names, *(floors or {})],
            matrix.mean(axis=0),
            resampled,
            criterion.margin,
            len(embeddings.values),
            find_largest_difference(criterion.metric),
        )
        return replace(
            whole.select_embeddings(embeddings.names), floor=whole.select_embeddings(list(floors)) if floors else None
        )

    def select_embeddings(self, names: Sequence[str]) -> Scored:
        """The same of some of the embeddings, in this order, with the same floor."""
        columns = [self.embeddings.index(name) for name in names]
        return replace(self, embeddings=list(names), values=self.values[columns], resampled=self.resampled[:, columns])

    @property
    def deviations(self) -> np.ndarray:
        """Distance of each resample from the mean of all: shape (n_resamples, n_embeddings)."""
        return np.asarray(self.resampled - self.resampled.mean(axis=0))

    @cached_property
    def with_each(self) -> Comparisons:
        """All embeddings against each of them."""
        return compare_with(self.deviations, self.deviations, themselves=True)


def join_tasks(parts: Sequence[Scored], weights: Mapping[str, float]) -> Scored | None:
    """Several tasks as one: the weighted mean of scores in units of each task's margin; None if no embedding serves all.

    A weight says what a margin's worth on a task counts. Tasks have units of their own, so they are resampled by themselves.
    Its floors are those that all of these tasks have.
    """
    counted = [part for part in parts if weights.get(part.task, 0) > 0]
    if len(counted) < 2:
        return None
    shares = np.array([weights[part.task] for part in counted], dtype=np.float64)
    shares /= shares.sum()
    together = _average_tasks(counted, shares)
    floors = [part.floor for part in counted if part.floor is not None]
    if together is None or len(floors) < len(counted):
        return together
    return replace(together, floor=_average_tasks(floors, shares))


def _average_tasks(parts: Sequence[Scored], shares: np.ndarray) -> Scored | None:
    names = [name for name in parts[0].embeddings if all(name in part.embeddings for part in parts)]
    if not names:
        return None
    n_resamples = min(len(part.resampled) for part in parts)
    values, resampled = np.zeros(len(names)), np.zeros((n_resamples, len(names)))
    for share, part in zip(shares, (part.select_embeddings(names) for part in parts), strict=True):
        values += share * part.values / part.margin
        resampled += share * part.resampled[:n_resamples] / part.margin
    largest = sum(share * part.largest / part.margin for share, part in zip(shares, parts, strict=True))
    n_units = sum(part.n_units for part in parts)
    return Scored(ALL_TASKS, MARGINS, names, values, resampled, 1.0, n_units, float(largest))
