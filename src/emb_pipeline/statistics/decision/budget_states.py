"""The decision under every combination of budgets that makes a difference: what a reader of the page can try."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from emb_pipeline.statistics.costs import WEIGHED
from emb_pipeline.statistics.decision.decide import Rules, WhyUnknown, find_cheapest, is_unknown, name_standing
from emb_pipeline.statistics.decision.scored import Scored
from emb_pipeline.statistics.decision.subset_tests import check_subsets

BUDGET_CHOICES = {
    "task": "string",
    **dict.fromkeys(WEIGHED, "float64"),
    "is_stored": "bool",
    "best": "string",
    "chosen": "string",
    "standing": "string",
    "ties": "string",
    "competing": "int64",
    "shown": "int64",
}
"""One row for each combination of limits (missing: no limit), the last cost changing fastest, a lower limit first.
``is_stored``: these are the budgets that are set.
``competing``: candidates that fit; ``shown``: how many of them are shown to be not inferior and above the floor; ``best``,
``chosen``, ``standing`` and ``ties`` as in the decision, missing where nothing competes."""
MOST_STATES = 20_000
"""Combinations of one task at most: where there are more, the cost with most limits is given fewer of them."""


def decide_budget_states(
    scored: Scored, costs: pd.DataFrame, rules: Rules, limited: Sequence[str], why_unknown: WhyUnknown
) -> pd.DataFrame:
    """Decide under each combination of limits: exactly what `decide` chooses under these budgets.

    Parameters
    ----------
    scored, costs, why_unknown
        As for `decide`.
    rules : Rules
        Order of costs, level, and what lacks something that is required; its budgets are among the limits.
    limited : sequence of str
        Costs that a budget may limit. One that is the same for all is left out, unless a budget limits it.

    Returns
    -------
    DataFrame with the columns of BUDGET_CHOICES
    """
    order = np.argsort(-scored.values, kind="stable")
    scored = scored.select_embeddings([scored.embeddings[row] for row in order])
    of_each = costs.loc[scored.embeddings]
    steps = list_limits(of_each, rules.budgets, limited, why_unknown)
    if not scored.embeddings:
        return pd.DataFrame(columns=list(BUDGET_CHOICES)).astype(BUDGET_CHOICES)
    sets = _list_competing(of_each, steps, why_unknown, rules.lacks)
    distinct, places = np.unique(sets, axis=0, return_inverse=True)
    decided = pd.DataFrame(_decide_sets(scored, of_each, rules, distinct)).iloc[places.ravel()].reset_index(drop=True)
    limits = list(itertools.product(*steps.values()))
    for column, name in enumerate(steps):
        decided[name] = [math.nan if math.isinf(state[column]) else state[column] for state in limits]
    decided["task"] = scored.task
    set_limits = tuple(rules.budgets.get(name, math.inf) for name in steps)
    decided["is_stored"] = [state == set_limits for state in limits]
    return decided.reindex(columns=list(BUDGET_CHOICES)).astype(BUDGET_CHOICES)


def list_limits(
    costs: pd.DataFrame, budgets: Mapping[str, float], limited: Sequence[str], why_unknown: WhyUnknown
) -> dict[str, list[float]]:
    """List the limits of each cost that make a difference, the lowest first; infinity is no limit.

    They are the candidates' costs, and the budget that is set. There are no more than `MOST_STATES` combinations.
    """
    steps: dict[str, list[float]] = {}
    for name in (cost for cost in WEIGHED if cost in {*limited, *budgets}):
        known = sorted(set(costs[name].dropna().tolist()))
        has_unknown = any(is_unknown(str(row), name, value, why_unknown) for row, value in costs[name].items())
        kept = known if has_unknown else known[:-1]  # without unknown costs, the highest as a limit excludes nothing
        if (len(known) > 1 or name in budgets) and (kept or name in budgets):
            steps[name] = [*sorted({*kept, *([budgets[name]] if name in budgets else [])}), math.inf]
    while math.prod(map(len, steps.values())) > MOST_STATES:
        longest = max(steps, key=lambda name: len(steps[name]))
        steps[longest] = _thin_out(steps[longest], budgets.get(longest))
    return steps


def _thin_out(steps: list[float], kept: float | None) -> list[float]:
    """Leave out every fifth limit, but neither the ends nor the budget that is set."""
    left = [
        limit
        for place, limit in enumerate(steps)
        if place % 5 != 2 or place >= len(steps) - 2 or limit == kept or math.isinf(limit)
    ]
    return left if len(left) < len(steps) else [steps[0], *([kept] if kept is not None else []), math.inf]


def _list_competing(
    costs: pd.DataFrame, steps: Mapping[str, list[float]], why_unknown: WhyUnknown, lacks: Mapping[str, str]
) -> np.ndarray:
    """Find who competes under each combination of limits: shape (n_states, n_embeddings), bool."""
    within = np.array([[name not in lacks for name in costs.index]])
    known = np.ones((1, len(costs)), dtype=bool)
    for name, limits in steps.items():
        values = costs[name].to_numpy()
        unknown = np.array([is_unknown(str(row), name, value, why_unknown) for row, value in costs[name].items()])
        is_within = np.array([~(values > limit) for limit in limits])
        is_known = np.array([~unknown if math.isfinite(limit) else np.ones(len(costs), dtype=bool) for limit in limits])
        within = (within[:, None] & is_within[None]).reshape(-1, len(costs))
        known = (known[:, None] & is_known[None]).reshape(-1, len(costs))
    fitting = within & known
    return np.where(fitting.any(axis=1, keepdims=True), fitting, within)


def _decide_sets(scored: Scored, costs: pd.DataFrame, rules: Rules, sets: np.ndarray) -> list[dict[str, object]]:
    """Decide for each set of competing candidates, which are in the order of their scores."""
    verdicts, names = check_subsets(scored, sets, rules.level), np.array(scored.embeddings, dtype=object)
    cheapest: dict[bytes, list[str]] = {}
    rows: list[dict[str, object]] = []
    for competes, is_shown, is_above in zip(sets, verdicts.is_shown, verdicts.is_above, strict=True):
        eligible = competes & is_above if (competes & is_above).any() else competes
        good = eligible & is_shown
        if good.any():
            ties = cheapest.setdefault(good.tobytes(), []) or find_cheapest(costs.loc[names[good]], rules.cheapest_by)
            cheapest[good.tobytes()] = ties
        else:
            ties = names[eligible][:1].tolist()
        row: dict[str, object] = {"competing": int(competes.sum()), "shown": int(good.sum())}
        if ties:
            place, best = scored.embeddings.index(ties[0]), int(competes.argmax())
            row |= {
                "best": names[best],
                "chosen": ties[0],
                "ties": ", ".join(ties[1:]),
                "standing": name_standing(
                    bool(is_above[place]),
                    bool(is_shown[place]),
                    is_best=place == best,
                    is_only=int(competes.sum()) == 1,
                ),
            }
        rows.append(row)
    return rows
