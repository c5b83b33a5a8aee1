"""Standings in the choice for several tasks at once: an embedding that is worse on each may be the best of all."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from emb_pipeline.statistics.sequential.standings import EarlyRules, bound_lead, estimate_error, find_allowed


@dataclass(frozen=True)
class JointStanding:
    """Standing of an embedding on all tasks together, in units of each task's margin.

    Attributes
    ----------
    value : float
        Weighted mean of its scores so far, each divided by the task's margin.
    best : str
        The one that it is held against; itself where there is no other.
    behind, allowed : float
        How much worse than that one it is at least, and what that has to exceed.
    is_dropped : bool
        Whether it is out.
    """

    value: float
    best: str
    behind: float
    allowed: float
    is_dropped: bool


def find_joint_standings(
    scores: Mapping[str, Mapping[str, np.ndarray]],
    rules: Mapping[str, EarlyRules],
    weights: Mapping[str, float],
    rivals: Collection[str] | None = None,
) -> dict[str, JointStanding]:
    """Find which embeddings can no longer be chosen for all tasks together.

    An embedding that is second on each of two tasks may be the best of both. It must be scored on both, though it can no
    longer be chosen for either. So what is dropped on a task may be left out there only if it is dropped here, too.

    Parameters
    ----------
    scores : mapping of str to mapping of str to ndarray
        By task, then by embedding, as for `find_standings`.
    rules : mapping of str to EarlyRules
        By task. The level of this choice is the lowest of theirs.
    weights : mapping of str to float
        What tasks count; one without weight is left out.
    rivals : collection of str, optional
        Those that may be chosen; by default all.

    Returns
    -------
    dict of str to JointStanding
        Of those that are scored on each task that counts. Empty where fewer than two tasks count.

    Notes
    -----
    The bound is the weighted sum of the bounds of the tasks, each at its part of the level. It is lower than the bound of a
    sum could be, and makes no assumption about how tasks depend on each other.
    """
    counted = [task for task in scores if weights.get(task, 0) > 0]
    if len(counted) < 2:
        return {}
    total = sum(weights[task] for task in counted)
    scale = {task: weights[task] / total / rules[task].margin for task in counted}
    names = [name for name in scores[counted[0]] if all(name in scores[task] for task in counted)]
    values = {name: sum(scale[task] * float(np.mean(scores[task][name])) for task in counted) for name in names}
    able = [name for name in names if rivals is None or name in rivals]
    best = max(able, key=values.__getitem__, default=None)
    level = min(rules[task].level for task in counted)
    found = {}
    for name in names:
        if best is None or name == best:
            found[name] = JointStanding(values[name], name, 0.0, 1.0, is_dropped=False)
            continue
        behind, square = 0.0, 0.0
        for task in counted:
            differences = np.asarray(scores[task][best], dtype=np.float64) - scores[task][name]
            behind += scale[task] * bound_lead(differences, rules[task], rules[task].level_of_pair / len(counted))[0]
            square += (scale[task] * estimate_error(differences, rules[task].n_total)) ** 2
        allowed = find_allowed(math.sqrt(square), 1.0, level)
        found[name] = JointStanding(values[name], best, behind, allowed, behind > allowed)
    return found
