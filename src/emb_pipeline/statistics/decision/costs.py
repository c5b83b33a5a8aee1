"""Costs of embeddings on each task and over all of them, and why some are not known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from emb_pipeline.statistics.costs import OF_REQUEST, WEIGHED

MEASURE_AGAIN = "measure again: kedro run --pipelines measure,decide,report"


@dataclass(frozen=True, eq=False)
class Costs:
    """Costs of embeddings, and why some are not known.

    Attributes
    ----------
    values : DataFrame indexed by embedding
        A column per cost; NaN where it is not known.
    why_unknown : dict of str to dict of str to str
        By embedding and cost.
    """

    values: pd.DataFrame
    why_unknown: dict[str, dict[str, str]]


def build_costs(cells: pd.DataFrame, times: pd.DataFrame, price_per_hour: float | None) -> Costs:
    """Build the costs of a task's embeddings, seeds averaged. Times that other work on the machine disturbed do not count.

    Parameters
    ----------
    cells : DataFrame
        The task's rows of what evaluations cost.
    times : DataFrame
        The task's rows of what requests took.
    price_per_hour : float, optional
        Of one processor core.
    """
    measured = [name for name in WEIGHED if name in cells.columns]
    table = cells.groupby(cells["family"].rename("embedding"))[measured].mean(numeric_only=True)
    families = dict(zip(cells["embedding"], cells["family"], strict=True))
    of_times = times.assign(embedding=times["embedding"].map(families))
    steady = of_times[of_times["steady"]].groupby("embedding")[[name for name in OF_REQUEST if name in times.columns]].mean()
    table = table.join(steady).reindex(columns=list(WEIGHED)).astype("float64")
    table["price_per_million"] = table["processor_ms_p50"] * (price_per_hour / 3.6 if price_per_hour else float("nan"))
    notes = of_times[~of_times["steady"]].drop_duplicates("embedding").set_index("embedding")["note"].to_dict()
    why: dict[str, dict[str, str]] = {}
    for name, row in table.iterrows():
        not_timed = f"{notes.get(name, 'never timed')}; {MEASURE_AGAIN}"
        found = {str(cost): not_timed for cost in OF_REQUEST if math.isnan(row[cost])}
        if "usd_per_million_texts" in measured and math.isnan(row["usd_per_million_texts"]):
            found["usd_per_million_texts"] = "the service's price is not known; set price_per_million_tokens in its options"
        if math.isnan(row["price_per_million"]):
            found["price_per_million"] = not_timed if price_per_hour else "decision.price_per_hour is not set"
        if found:
            why[str(name)] = found
    return Costs(table, why)


def take_worst_costs(costs: Mapping[str, Costs]) -> Costs:
    """Take what each embedding costs on the task where it costs most; unknown where it is unknown on one of them."""
    worst: pd.DataFrame = pd.concat([each.values for each in costs.values()]).groupby(level=0).max()
    why: dict[str, dict[str, str]] = {}
    for task, each in costs.items():
        for name, reasons in each.why_unknown.items():
            for cost, reason in reasons.items():
                why.setdefault(name, {}).setdefault(cost, f"on {task}: {reason}")
        for row, column in np.argwhere(each.values.isna().to_numpy()):
            name, cost = str(each.values.index[row]), str(each.values.columns[column])
            why.setdefault(name, {}).setdefault(cost, f"on {task}: not measured")
    return Costs(worst, why)
