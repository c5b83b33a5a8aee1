"""The cells of a use case's grid, and the rules of their metrics: what a leaderboard is built from besides item scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class GridCells:
    """The cells of a use case.

    Attributes
    ----------
    use_case : str
        Its name, written on each row.
    evaluated : DataFrame
        One or more rows per cell with task, embedding, kind and, where they are known, train_seconds, encode_seconds,
        fit_seconds, tune_seconds (a part of fit_seconds), bytes_per_item, mlflow_run_id, known_tokens,
        known_types, cut_share, max_length, usd_per_million_texts and drift_distance; the first row of a cell counts. Where
        they have a metric and its value, metrics without item scores (a latency) have a row, too, without interval and
        letters.
    failed : DataFrame, optional
        Cells that could not be evaluated: embedding, origin, method, dim, tuned, seed, task, kind and reason.
    dropped : DataFrame, optional
        Cells that a budgeted run did not evaluate in full; the same columns.
    """

    use_case: str
    evaluated: pd.DataFrame
    failed: pd.DataFrame | None = None
    dropped: pd.DataFrame | None = None


@dataclass(frozen=True)
class MetricRules:
    """The metric that a task is ranked by, and the direction of metrics.

    Attributes
    ----------
    primary : mapping of str to str
        Primary metric of each task.
    lower_is_better : collection of str
        Metrics of which the lowest value is the best. A ``*`` at the end of a name stands for any text.
    estimates : collection of str
        Metrics that have intervals alone: differences between embeddings are not tested. Names as above.
    """

    primary: Mapping[str, str]
    lower_is_better: Collection[str] = ()
    estimates: Collection[str] = ()

    def puts_lowest_first(self, metric: str) -> bool:
        """Tell whether the lowest value of a metric is the best."""
        return _is_among(metric, self.lower_is_better)

    def estimates_alone(self, metric: str) -> bool:
        """Tell whether a metric has intervals alone."""
        return _is_among(metric, self.estimates)


def _is_among(metric: str, names: Collection[str]) -> bool:
    return any(metric == name or (name.endswith("*") and metric.startswith(name[:-1])) for name in names)
