"""Luck of a training in a score: variance over seeds, and its covariance over tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from emb_pipeline.statistics.comparisons.step_down import SeedVariance
from emb_pipeline.statistics.intervals.extra_variance import compute_positive_part
from emb_pipeline.statistics.resampling import group_codes, sum_groups
from emb_pipeline.statistics.score_tables import TaskScores


def estimate_seed_variance(
    tasks: Sequence[TaskScores], metrics: Mapping[str, str], families: Collection[str]
) -> SeedVariance | None:
    """Variance of an embedding's mean score over training seeds, pooled over all that were trained with several.

    A training that is lucky on one task is often lucky on another: the covariance over tasks is estimated from the same
    trainings. What differs between seeds on finite test sets holds the chance of the units, too; that part is known from the
    units' scores and is taken off. (The units of two tasks are different ones, so covariances hold none of it.)

    Parameters
    ----------
    tasks : sequence of TaskScores
        In the order of the covariance.
    metrics : mapping of str to str
        The metric of each task.
    families : collection of str
        Embeddings, seeds left out of their names, that count.

    Returns
    -------
    SeedVariance or None
        None where none of them was trained with several seeds.
    """
    deviations: list[dict[str, np.ndarray]] = []
    chance = np.zeros(len(tasks))
    freedoms = np.zeros((len(tasks), len(tasks)))
    squares = np.zeros((len(tasks), len(tasks)))
    for number, task in enumerate(tasks):
        of_task = {}
        codes, n_groups = group_codes(task.groups, len(task.groups))
        for name, columns in task.families.items():
            if name not in families or len(columns) < 2:
                continue
            scores = task.metrics[metrics[task.task]][:, columns]
            apart = scores - scores.mean(axis=1, keepdims=True)
            of_task[name] = apart.mean(axis=0)
            sums = sum_groups(apart - apart.mean(axis=0), codes, n_groups)
            chance[number] += np.square(sums).sum() * n_groups / (n_groups - 1) / len(scores) ** 2
        deviations.append(of_task)
    for one in range(len(tasks)):
        for two in range(len(tasks)):
            for name in deviations[one].keys() & deviations[two].keys():
                first, second = deviations[one][name], deviations[two][name]
                if len(first) == len(second):
                    squares[one, two] += first @ second
                    freedoms[one, two] += len(first) - 1
    if not freedoms.any():
        return None
    squares[np.diag_indices(len(tasks))] = np.maximum(np.diag(squares) - chance, 0)
    covariance = np.divide(squares, freedoms, out=np.zeros_like(squares), where=freedoms > 0)
    ends = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    return SeedVariance(compute_positive_part(np.clip(covariance, -ends, ends)), int(freedoms.max()))
