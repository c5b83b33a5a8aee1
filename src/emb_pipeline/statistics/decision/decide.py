"""Which embedding to deploy: the cheapest that fits the budgets and is not inferior to the best that does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pandas as pd

from emb_pipeline.statistics.decision.non_inferiority import check_non_inferiority, estimate_units_needed, run_floor_tests
from emb_pipeline.statistics.decision.relaxations import relax_budgets
from emb_pipeline.statistics.decision.scored import Scored
from emb_pipeline.statistics.decision.standings import MEASURED_BEST, NO_CANDIDATE, NOT_ABOVE_FLOOR, NOT_SHOWN, ONLY, SHOWN
from emb_pipeline.statistics.decision.winner import (
    Choice,
    correct_for_choosing,
    estimate_likely_means,
    take_cheapest_shown,
    take_highest,
)
from emb_pipeline.statistics.intervals.bootstrap import Interval

COST_TOLERANCE = 0.05
"""Costs that differ by no more than this share count as equal: measured times repeat no better."""
CANDIDATES = {
    "task": "string",
    "metric": "string",
    "embedding": "string",
    "value": "float64",
    "best": "string",
    "difference_to_best": "float64",
    "bound": "float64",
    "margin": "float64",
    "p": "float64",
    "non_inferior": "bool",
    "standing": "string",
    "units_needed": "float64",
    "floor": "string",
    "p_floor": "float64",
    "above_floor": "boolean",
    "corrected": "float64",
    "corrected_low": "float64",
    "corrected_high": "float64",
    "among": "Int64",
    "labels_note": "string",
    "fits": "bool",
    "exceeds": "string",
    "unknown": "string",
    "costs_unknown": "string",
    "lacks": "string",
    "chosen": "bool",
    "tie": "bool",
    "reason": "string",
    "n": "int64",
}
WhyUnknown: TypeAlias = Mapping[str, Mapping[str, str]]
"""Of an embedding: costs that are not known, each with the reason."""
_NO_REASON: WhyUnknown = {}
_NO_LACKS: Mapping[str, str] = {}
_NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class HeldAgainstBudgets:
    """Costs of embeddings held against budgets.

    Attributes
    ----------
    exceeds : dict of str to list of str
        By embedding, the budgets that it exceeds.
    unknown : dict of str to dict of str to str
        By embedding, the budgets that it is not known to keep to or to exceed, each with the reason.
    fitting : list of str
        Embeddings that compete: those that are known to fit, or, where none is, those that exceed nothing. What lacks
        something that is required does not compete.
    """

    exceeds: dict[str, list[str]]
    unknown: dict[str, dict[str, str]]
    fitting: list[str]


def hold_against_budgets(
    costs: pd.DataFrame,
    budgets: Mapping[str, float],
    why_unknown: WhyUnknown = _NO_REASON,
    lacks: Mapping[str, str] = _NO_LACKS,
) -> HeldAgainstBudgets:
    """Find which embeddings compete under budgets: the rows of ``costs``, in their order."""
    of_each = costs.to_dict("index")
    exceeds = {
        str(name): [budget for budget, limit in budgets.items() if row[budget] > limit] for name, row in of_each.items()
    }
    unknown = {
        str(name): {
            budget: why_unknown.get(str(name), {}).get(budget, _NOT_MEASURED)
            for budget in budgets
            if budget not in exceeds[str(name)] and is_unknown(str(name), budget, row[budget], why_unknown)
        }
        for name, row in of_each.items()
    }
    within = [name for name, over in exceeds.items() if not over and name not in lacks]
    return HeldAgainstBudgets(exceeds, unknown, [name for name in within if not unknown[name]] or within)


def is_unknown(name: str, cost: str, value: float, why_unknown: WhyUnknown) -> bool:
    """Say whether a cost of an embedding is not known; it may have a value that it is not below."""
    return bool(np.isnan(value)) or cost in why_unknown.get(name, {})


@dataclass(frozen=True)
class Rules:
    """Budgets, order of costs and error rate that a decision keeps to.

    Attributes
    ----------
    budgets : mapping of str to float
        Most that a cost may be.
    cheapest_by : sequence of str
        Costs by which the cheapest is found: the first counts, and each next where those before are equal to within 5 %.
    level : float
        Probability of calling any inferior embedding non-inferior.
    lacks : mapping of str to str
        Embeddings that lack something that is required, with the reason; they do not compete.
    """

    budgets: Mapping[str, float] = field(default_factory=dict)
    cheapest_by: tuple[str, ...] = ("bytes_per_item", "latency_ms_p95", "train_seconds")
    level: float = 0.05
    lacks: Mapping[str, str] = field(default_factory=dict)


def decide(
    scored: Scored, costs: pd.DataFrame, rules: Rules, why_unknown: WhyUnknown = _NO_REASON
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Choose for one task (or for several as one).

    A cost that is not known neither fits a budget nor exceeds it. What is known to fit comes first. Where nothing is, those
    that exceed no budget compete, and the choice holds as far as is known: its ``unknown`` is not empty.

    Parameters
    ----------
    scored : Scored
        The candidates.
    costs : DataFrame indexed by embedding
        A column per cost; NaN where it was not measured.
    rules : Rules
        Budgets, what cheap means, and the level.
    why_unknown : mapping of str to mapping of str to str
        By embedding and cost: why a cost is not known. It may have a value in ``costs`` that it is not below.

    Returns
    -------
    candidates : DataFrame with the columns of CANDIDATES, and those of ``costs``
        One row per embedding, the best first. ``chosen``: of those that fit, the cheapest that is shown to be not inferior
        to the best that fits, and better than the floor. Where none is shown to be not inferior it is the one measured best,
        and where none is shown to be better than the floor, that does not count: ``standing`` says which.
        ``tie``: those too that cost as much. Nothing is chosen where everything exceeds a budget. ``units_needed``: units
        that would show it to be not inferior in 80 % of cases. ``floor``: what it is hardest to be better than, with
        ``p_floor``. ``corrected`` with its interval: of what was chosen, or measured best, the value without what choosing
        ``among`` so many adds. ``exceeds`` and ``unknown``: budgets, separated by commas; ``costs_unknown``: all costs that
        are not known, whether a budget limits them or not; ``lacks``: what it lacks of what is required; ``reason``: why it
        was chosen, or was not.
    relaxations : DataFrame with the columns of RELAXATIONS
        For each budget: the best embedding that it alone excludes, the limit that would let it in, and what that would
        change. ``binds``: it is better than the chosen one by more than nothing, significantly. Where nothing fits, the
        smallest relaxation of each budget that lets something in, if one budget alone is in the way.

    Raises
    ------
    ValueError
        An embedding without a row of costs, or a budget or ``cheapest_by`` that no column is named for.
    """
    unknown = [name for name in (*rules.budgets, *rules.cheapest_by) if name not in costs.columns]
    if unknown:
        raise ValueError(f"decision: {unknown[0]!r} is no cost; these were measured: {', '.join(costs.columns)}")
    missing = [name for name in scored.embeddings if name not in costs.index]
    if missing:
        raise ValueError(f"{scored.task}: {missing[0]} has scores but no costs")
    of_each = costs.loc[scored.embeddings]
    held = hold_against_budgets(of_each, rules.budgets, why_unknown, rules.lacks)
    exceeds, not_known, fitting = held.exceeds, held.unknown, held.fitting
    verdicts = _reach_verdicts(scored.select_embeddings(fitting), rules.level)
    best = verdicts.best
    good = [name for name in verdicts.eligible if verdicts.p[name] <= rules.level]
    ties = find_cheapest(of_each.loc[good], rules.cheapest_by) if good else [*verdicts.eligible[:1]]
    chosen = ties[0] if ties else None
    corrections = _correct_values(scored, verdicts, chosen, of_each, rules)
    value = dict(zip(scored.embeddings, scored.values.tolist(), strict=True))
    rows = [
        {
            "task": scored.task,
            "metric": scored.metric,
            "embedding": name,
            "value": value[name],
            "best": best,
            "difference_to_best": value[name] - value[best] if best else np.nan,
            "bound": verdicts.bound.get(name, np.nan),
            "margin": scored.margin,
            "p": verdicts.p.get(name, np.nan),
            "non_inferior": verdicts.p.get(name, 1.0) <= rules.level,
            "standing": verdicts.standing.get(name, NO_CANDIDATE),
            "units_needed": verdicts.units_needed.get(name, np.nan),
            "floor": verdicts.floor.get(name),
            "p_floor": verdicts.p_floor.get(name, np.nan),
            "above_floor": verdicts.is_above_floor(name, rules.level),
            **corrections.get(name, {}),
            "labels_note": scored.labels_note,
            "fits": name in fitting,
            "exceeds": ", ".join(exceeds[name]),
            "unknown": ", ".join(not_known[name]),
            "costs_unknown": ", ".join(
                str(cost)
                for cost, amount in of_each.loc[name].to_dict().items()
                if is_unknown(name, str(cost), amount, why_unknown)
            ),
            "lacks": rules.lacks.get(name, ""),
            "chosen": name == chosen,
            "tie": name in ties and name != chosen,
            "reason": _join_sentence(
                rules.lacks.get(name, ""),
                *_list_reasons(name, of_each, rules, exceeds[name], not_known[name]),
                _describe_standing(name, verdicts, good, ties, scored),
                scored.labels_note,
            ),
            "n": scored.n_units,
            **of_each.loc[name].to_dict(),
        }
        for name in sorted(scored.embeddings, key=lambda name: -value[name])
    ]
    candidates = pd.DataFrame(rows, columns=[*CANDIDATES, *of_each.columns]).astype(CANDIDATES)
    able = [name for name in scored.embeddings if name not in rules.lacks]
    relaxed = relax_budgets(scored.select_embeddings(able), of_each, exceeds, chosen, rules.budgets, rules.level)
    return candidates, relaxed


@dataclass(frozen=True)
class _Verdicts:
    """Verdicts of the tests on those that compete, by name; the best first."""

    best: str | None
    eligible: list[str]  # those that may be chosen: shown to be above the floor, where any is
    p: dict[str, float]
    bound: dict[str, float]
    standing: dict[str, str]
    units_needed: dict[str, float]
    floor: dict[str, str | None]
    p_floor: dict[str, float]

    def is_above_floor(self, name: str, level: float) -> bool | None:
        """Say whether it is shown to be better than every floor; None where there is none, or it does not compete."""
        p = self.p_floor.get(name, np.nan)
        return None if np.isnan(p) else p <= level


def _reach_verdicts(tested: Scored, level: float) -> _Verdicts:
    names = [tested.embeddings[row] for row in np.argsort(-tested.values, kind="stable")]
    if not names:
        return _Verdicts(None, [], {}, {}, {}, {}, {}, {})
    tested = tested.select_embeddings(names)
    p, bound = check_non_inferiority(tested, level)
    p_floor, floor = run_floor_tests(tested)
    needed = estimate_units_needed(tested, estimate_likely_means(tested, level), level)
    shown, is_above = p <= level, np.isnan(p_floor) | (p_floor <= level)

    by_name = {name: row for row, name in enumerate(names)}
    return _Verdicts(
        best=names[0],
        eligible=[name for name, row in by_name.items() if is_above[row]] or names,
        p={name: float(p[row]) for name, row in by_name.items()},
        bound={name: float(bound[row]) for name, row in by_name.items()},
        standing={
            name: name_standing(bool(is_above[row]), bool(shown[row]), is_best=row == 0, is_only=len(names) == 1)
            for name, row in by_name.items()
        },
        units_needed={
            name: float(np.ceil(max(needed[row], tested.n_units)))
            for name, row in by_name.items()
            if not shown[row] and np.isfinite(needed[row])
        },
        floor={name: floor[row] for name, row in by_name.items()},
        p_floor={name: float(p_floor[row]) for name, row in by_name.items()},
    )


def name_standing(is_above: bool, is_shown: bool, *, is_best: bool, is_only: bool) -> str:
    """Name the standing of a candidate from what the tests say of it."""
    if not is_above:
        return NOT_ABOVE_FLOOR
    if is_only:
        return ONLY
    return SHOWN if is_shown else MEASURED_BEST if is_best else NOT_SHOWN


def _correct_values(
    scored: Scored, verdicts: _Verdicts, chosen: str | None, costs: pd.DataFrame, rules: Rules
) -> dict[str, dict[str, float]]:
    """The values of the chosen one, and of the highest, of all and of those that fit, without what choosing adds."""
    fitting = [name for name in scored.embeddings if name in verdicts.p]
    highest = scored.embeddings[int(scored.values.argmax())] if scored.embeddings else None
    picked: list[tuple[str | None, Sequence[str], Choice | None]] = [
        (highest, scored.embeddings, take_highest),
        (verdicts.best, fitting, take_highest),
        (chosen, [name for name in fitting if name in verdicts.eligible], None),
    ]
    found: dict[str, dict[str, float]] = {}
    for name, names, rule in picked:
        if name is None or name in found:
            continue
        among = scored.select_embeddings(names)
        if rule is None:
            order = [names.index(each) for each in _rank_by_cost(costs.loc[list(names)], rules.cheapest_by)]
            rule = take_cheapest_shown(among, np.array(order), rules.level)
        interval: Interval = correct_for_choosing(among, names.index(name), rule, rules.level)
        found[name] = {
            "corrected": interval.value,
            "corrected_low": interval.low,
            "corrected_high": interval.high,
            "among": len(names),
        }
    return found


def _rank_by_cost(costs: pd.DataFrame, by: Sequence[str]) -> list[str]:
    """All names, in the order in which they would be picked as the cheapest, one after the other."""
    order: list[str] = []
    while len(order) < len(costs):
        order.append(find_cheapest(costs.drop(index=order), by)[0])
    return order


def _describe_standing(name: str, verdicts: _Verdicts, good: Sequence[str], ties: Sequence[str], scored: Scored) -> str:
    """Write what the tests and the costs say of an embedding; nothing of one that does not compete."""
    standing = verdicts.standing.get(name, NO_CANDIDATE)
    needed = verdicts.units_needed.get(name)
    would_show = f"; about {needed:,.0f} units would show it" if needed else ""
    within = f"not shown to be within {scored.margin:g} of "
    if standing == NO_CANDIDATE:
        return ""
    if standing == NOT_ABOVE_FLOOR:
        return f"not shown to be better than {verdicts.floor[name]}"
    if standing == MEASURED_BEST:
        return f"measured best, but {within}every other{would_show}"
    if name in ties and not good:
        return f"measured best of those above the floor, but {within}{verdicts.best}{would_show}"
    if standing == NOT_SHOWN:
        return f"{within}{verdicts.best}{would_show}"
    if name not in ties:
        return f"not inferior to {verdicts.best}, but {ties[0]} is cheaper"
    if name != ties[0]:
        return f"as good and as cheap as {ties[0]}"
    if standing == ONLY:
        return "the only candidate"
    return "the only one that is not inferior" if len(good) == 1 else f"the cheapest of {len(good)} that are not inferior"


def _list_reasons(
    name: str, costs: pd.DataFrame, rules: Rules, exceeds: Sequence[str], unknown: Mapping[str, str]
) -> list[str]:
    over = [f"{budget} is {costs[budget].loc[name]:.4g}, above {rules.budgets[budget]:.4g}" for budget in exceeds]
    return [*over, *(f"{budget} is unknown: {why}" for budget, why in unknown.items())]


def _join_sentence(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def find_cheapest(costs: pd.DataFrame, by: Sequence[str]) -> list[str]:
    """Names of the cheapest: those that are equal, to within the tolerance, by every cost; the very cheapest first.

    A cost that is unknown is not called the lowest; where it is unknown of all, the next one decides.
    """
    left = costs
    for name in by:
        if left[name].notna().any():
            left = left[left[name] <= left[name].min() * (1 + COST_TOLERANCE)]
    return list(left.sort_values(list(by), kind="stable", na_position="last").index)
