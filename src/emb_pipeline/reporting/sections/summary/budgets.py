"""Budgets that the reader of the page moves: the limits of each task, and what is decided under each combination."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from emb_pipeline.reporting.packing import pack
from emb_pipeline.reporting.section import Report, anchor
from emb_pipeline.reporting.wording import pluralize, write_cost, write_distance, write_value
from emb_pipeline.statistics.costs import WEIGHED, label_of
from emb_pipeline.statistics.decision.standings import MARGINS, MEASURED_BEST, NOT_ABOVE_FLOOR, NOT_SHOWN, ONLY

_NO_LIMIT = "no limit"
_NAMED = 3


def view_budgets(report: Report, task: str) -> dict[str, Any] | None:
    """Give the sliders of a task, and the packed decisions; None where no budget makes a difference.

    The page looks the combination of limits up. It computes nothing but which candidates a limit excludes.
    """
    states = report.tables.budget_choices
    states = states[states["task"] == task]
    decision = report.tables.decision
    candidates = decision[decision["task"] == task]
    limits = {name: _list_limits(states[name]) for name in WEIGHED if name in states.columns}
    limits = {name: steps for name, steps in limits.items() if len(steps) > 1}
    if not limits or candidates.empty or len(states) != math.prod(map(len, limits.values())):
        return None
    states = states.sort_values(list(limits), na_position="last")
    stored = _find_stored_limits(states, limits)
    sliders = [
        {
            "cost": name,
            "label": label_of(name),
            "last": len(steps) - 1,
            "start": stored[name],
            "text": _write_limit(name, steps[stored[name]]),
            "left_out": _count_left_out(candidates, name, steps),
        }
        for name, steps in limits.items()
    ]
    outcomes, places = _list_outcomes(states, candidates)
    return {
        "anchor": anchor(task),
        "task": task,
        "sliders": sliders,
        "candidates": candidates[["embedding", "origin"]].to_dict("records"),
        "data": pack(
            {
                "values": [_write_score(row) for row in candidates.to_dict("records")],
                "labels": [label_of(name) for name in limits],
                "limits": list(limits.values()),
                "texts": [[_write_limit(name, step) for step in steps] for name, steps in limits.items()],
                "costs": candidates[list(limits)].to_numpy().tolist(),
                "cost_texts": [[write_cost(name, row[name]) for name in limits] for row in candidates.to_dict("records")],
                "unknown": [
                    [name in _split(row.get("costs_unknown")) or math.isnan(row[name]) for name in limits]
                    for row in candidates.to_dict("records")
                ],
                "outcomes": outcomes,
                "states": places,
            }
        ),
    }


def _list_limits(column: pd.Series) -> list[float | None]:
    """List the limits of a cost, the lowest first; None is no limit, and comes last."""
    return [*sorted(column.dropna().unique().tolist()), *([None] if column.isna().any() else [])]


def _find_stored_limits(states: pd.DataFrame, limits: Mapping[str, list[float | None]]) -> dict[str, int]:
    """Find the place of the limits that the stored decision was made with."""
    stored = states[states["is_stored"]].iloc[0]
    return {name: len(steps) - 1 if pd.isna(stored[name]) else steps.index(stored[name]) for name, steps in limits.items()}


def _count_left_out(candidates: pd.DataFrame, name: str, limits: list[float | None]) -> int:
    """Count costs that no limit of a slider is set to, because there would be too many combinations."""
    known = set(candidates[name].dropna())
    highest = max(known, default=None)
    return len(known - {*limits, highest})


def _write_limit(cost: str, limit: float | None) -> str:
    return _NO_LIMIT if limit is None else write_cost(cost, limit)


def _write_score(row: Mapping[Hashable, Any]) -> str:
    return "" if row["metric"] == MARGINS else write_value(row["value"], row["metric"])


def _list_outcomes(states: pd.DataFrame, candidates: pd.DataFrame) -> tuple[list[list[Any]], list[int]]:
    """List the different outcomes, each as the chosen one's place and a sentence, and the outcome of each state.

    A sentence has places in braces where an embedding is named: the page writes the name.
    """
    columns = ["chosen", "standing", "best", "competing", "shown", "ties"]
    codes, distinct = pd.MultiIndex.from_frame(states[columns].astype("object").fillna("")).factorize()
    place_of = {name: place for place, name in enumerate(candidates["embedding"])}
    first = candidates.iloc[0].to_dict()
    rows = [dict(zip(columns, values, strict=True)) for values in distinct]
    return [[place_of.get(row["chosen"]), _write_reason(row, first, place_of)] for row in rows], codes.tolist()


def _write_reason(row: Mapping[str, Any], task: Mapping[Hashable, Any], place_of: Mapping[str, int]) -> str:
    """Say why this one is chosen; of the task, its margin is needed."""
    if not row["chosen"]:
        return "No embedding fits these budgets."
    margin = "a margin" if task["metric"] == MARGINS else write_distance(float(task["margin"]), str(task["metric"]))
    best, is_best = f"{{{place_of[row['best']]}}}", row["chosen"] == row["best"]
    if row["standing"] == ONLY:
        return "It is the only one that fits."
    if row["standing"] == NOT_ABOVE_FLOOR:
        return "But no embedding that fits is shown to be better than the controls, the largest class or chance."
    if row["standing"] == MEASURED_BEST:
        return f"It scores highest of {row['competing']:,} that fit, but is not shown to be within {margin} of every other."
    if row["standing"] == NOT_SHOWN:
        return f"It scores highest of those above the floor, but is not shown to be within {margin} of {best}."
    if row["shown"] == 1:
        alone = f"Of {pluralize(row['competing'], 'embedding')} that fit, it alone is shown to be about as good as the best"
        return f"{alone}." if is_best else f"{alone}, {best}."
    ties = _split(row["ties"])
    named = ", ".join(f"{{{place_of[name]}}}" for name in ties[:_NAMED])
    more = f" and {len(ties) - _NAMED} more" if len(ties) > _NAMED else ""
    tied = f" As good and as cheap: {named}{more}." if ties else ""
    cheapest = f"It is the cheapest of {row['shown']:,} that are shown to be about as good as the best that fits"
    return f"{cheapest}{'' if is_best else ', ' + best}.{tied}"


def _split(names: object) -> list[str]:
    return names.split(", ") if isinstance(names, str) and names else []
