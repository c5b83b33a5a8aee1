"""Larger budgets, and what they would buy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from emb_pipeline.statistics.decision.scored import Scored
from emb_pipeline.statistics.intervals.bootstrap import compute_percentile_interval

RELAXATIONS = {
    "task": "string",
    "metric": "string",
    "budget": "string",
    "limit": "float64",
    "needed": "float64",
    "embedding": "string",
    "chosen": "string",
    "difference": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "binds": "bool",
}


def relax_budgets(
    scored: Scored,
    costs: pd.DataFrame,
    exceeds: Mapping[str, list[str]],
    chosen: str | None,
    budgets: Mapping[str, float],
    level: float,
) -> pd.DataFrame:
    """Find for each budget the best embedding that it alone excludes, and what that one would change.

    Parameters
    ----------
    scored, costs
        As for `decide`.
    exceeds : mapping of str to list of str
        By embedding, the budgets that it exceeds.
    chosen : str, optional
        The embedding that was chosen; None where nothing fits.
    budgets : mapping of str to float
        Most that a cost may be.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame with the columns of RELAXATIONS
    """
    rows = []
    for budget, limit in budgets.items():
        of_budget = {name: float(value) for name, value in zip(costs.index, costs[budget].to_numpy(), strict=True)}
        alone = [name for name in scored.embeddings if exceeds[name] == [budget] and not np.isnan(of_budget[name])]
        if not alone:
            continue
        if chosen is None:
            name = min(alone, key=of_budget.__getitem__)
            difference = [np.nan] * 3
        else:
            name = max(alone, key=lambda name: scored.values[scored.embeddings.index(name)])
            pair = scored.select_embeddings([name, chosen])
            interval = compute_percentile_interval(
                pair.values[0] - pair.values[1], pair.resampled[:, 0] - pair.resampled[:, 1], 1 - level
            )
            low, high = max(interval.low, -scored.largest), min(interval.high, scored.largest)
            difference = [interval.value, low, high]
        rows.append(
            {
                "task": scored.task,
                "metric": scored.metric,
                "budget": budget,
                "limit": limit,
                "needed": of_budget[name],
                "embedding": name,
                "chosen": chosen,
                "difference": difference[0],
                "ci_low": difference[1],
                "ci_high": difference[2],
                "binds": chosen is None or difference[1] > 0,
            }
        )
    return pd.DataFrame(rows, columns=list(RELAXATIONS)).astype(RELAXATIONS)
