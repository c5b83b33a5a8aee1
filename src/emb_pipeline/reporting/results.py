"""One task, with all that its sentences need."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from emb_pipeline.reporting import rows as pick
from emb_pipeline.reporting.rows import Contrast
from emb_pipeline.reporting.wording import (
    name_units,
    write_count,
)

_Row = Mapping[Hashable, Any]


@dataclass(frozen=True)
class Result:
    """One task, with all that its sentences need.

    Attributes
    ----------
    task, kind, metric : str
        The task and its primary metric.
    rows : DataFrame
        Rows of the primary metric, best first.
    known : dict
        Comparisons by their two embeddings.
    effects : DataFrame
        Domain against generic, on the primary metric.
    samples : DataFrame, optional
        Rows of embeddings that were trained on a resample of their corpus.
    ceiling, largest_class : float, optional
        From the audit, as shares.
    level : float
        Error rate of the tests.
    margin : float, optional
        Largest difference that does not matter, in the metric's scale.
    few_units : bool
        The audit found too few test units, or groups of them, to show more than large differences.
    distinct : DataFrame
        One row per embedding: seeds averaged.
    leader : mapping, optional
        The highest of these that could be deployed.
    """

    task: str
    kind: str
    metric: str
    rows: pd.DataFrame
    known: Mapping[tuple[str, str], Contrast]
    effects: pd.DataFrame
    samples: pd.DataFrame | None = None
    ceiling: float | None = None
    largest_class: float | None = None
    level: float = 0.05
    margin: float | None = None
    few_units: bool = False
    distinct: pd.DataFrame = field(init=False)
    leader: _Row | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "distinct", pick.average_seeds(self.rows))
        serious = pick.select_choosable(self.distinct)
        object.__setattr__(self, "leader", None if serious.empty else serious.iloc[0].to_dict())

    @property
    def items(self) -> str:
        """``3,800 test items``."""
        n = self.rows["n"].dropna()
        return f"{write_count(None if n.empty else float(n.iloc[0]))} {name_units(self.kind)}"

    @property
    def n_pairs(self) -> int:
        """Pairs of embeddings that were tested together on this task."""
        return len(self.known) // 2

    def differ_significantly(self, first: _Row, second: _Row) -> bool | None:
        """Say whether two rows differ significantly; None where that was not tested."""
        return pick.differ_significantly(first, second, self.known)

    def contrast(self, first: _Row, second: _Row) -> Contrast | None:
        """``first - second``, if it was tested."""
        return pick.contrast(first, second, self.known)

    def leading(self) -> list[_Row]:
        """The leader and the embeddings (no controls) that are not significantly different from it, best first."""
        if self.leader is None:
            return []
        others = pick.select_choosable(self.distinct).iloc[1:].to_dict("records")
        ties = [row for row in others if are_equal(row, self.leader) or self.differ_significantly(self.leader, row) is False]
        return [self.leader, *ties]


def result(
    task: str,
    leaderboard: pd.DataFrame,
    comparisons: pd.DataFrame,
    origins: pd.DataFrame,
    audit: pd.DataFrame,
    *,
    level: float = 0.05,
    margin: float | None = None,
) -> Result:
    """Gather what a task's sentences are made from.

    Parameters
    ----------
    margin : float, optional
        Largest difference that does not matter (``decision.margin``), in the metric's scale.
    """
    rows = pick.select_primary(leaderboard, task)
    metric = pick.primary_metric(leaderboard, task)
    effects = origins if origins.empty else origins[(origins["task"] == task) & (origins["metric"] == metric)]
    return Result(
        task=task,
        kind="" if rows.empty else str(rows["kind"].iloc[0]),
        metric=metric,
        rows=rows,
        known=pick.contrasts(comparisons, task, metric, level),
        effects=effects,
        samples=pick.select_resamples(leaderboard, task),
        ceiling=pick.find_audit_share(audit, task, "ceiling"),
        largest_class=pick.find_audit_share(audit, task, "largest_class"),
        level=level,
        margin=margin,
        few_units=pick.find_audit_share(audit, task, "few_test_units") is not None,
    )


def find_margin(decision: pd.DataFrame | None, task: str) -> float | None:
    """Find how much worse than the best is good enough on a task."""
    if decision is None or decision.empty:
        return None
    found = decision.loc[decision["task"] == task, "margin"].dropna()
    return None if found.empty else float(found.iloc[0])


def find_best_of_each(result: Result) -> tuple[_Row, _Row] | None:
    """Find the best dense and sparse rows. Seeds are averaged: the best of several would have more chances to win."""
    rows = pick.select_choosable(result.distinct)
    sparse, dense = pick.select_sparse(rows), pick.select_dense(rows)
    return None if sparse.empty or dense.empty else (dense.iloc[0].to_dict(), sparse.iloc[0].to_dict())


def are_equal(first: _Row, second: _Row) -> bool:
    return math.isclose(first["value"], second["value"], abs_tol=1e-12)
