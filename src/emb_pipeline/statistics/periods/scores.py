"""Scores by period, each with an interval of its own and with one that holds for all periods at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from emb_pipeline.statistics.intervals.metric_ranges import find_range
from emb_pipeline.statistics.intervals.simultaneous import FEWEST_OF_PART, bound_together, count_groups
from emb_pipeline.statistics.periods.cut import Periods
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import TaskScores, make_table
from emb_pipeline.statistics.unit_scores import score_units

PERIODS = {
    "task": "string",
    "kind": "string",
    "metric": "string",
    "embedding": "string",
    "origin": "string",
    "period": "string",
    "start": "string",
    "end": "string",
    "n": "int64",
    "value": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "together_low": "float64",
    "together_high": "float64",
    "n_untimed": "int64",
}
_MOST_VALUES = 1 << 24
"""Item scores that are resampled at a time."""


def score_periods(found: TaskScores, kind: str, metric: str, periods: Periods, resampling: Resampling) -> pd.DataFrame:
    """Score each embedding, the mean of its seeds, on each period.

    Parameters
    ----------
    found : TaskScores
        Of the task.
    kind, metric : str
        Its kind and its primary metric.
    periods : Periods
        Of the units of ``found``, in their order: two at least.
    resampling : Resampling
        Resamples, level and seed.

    Returns
    -------
    DataFrame of `PERIODS`
        A row for each embedding and period: the score on its ``n`` units, with the interval of a period that was
        named beforehand (``ci_low``, ``ci_high``), and with one that holds for all periods of the embedding at once
        (``together_low``, ``together_high``). A period of fewer than `FEWEST_OF_PART` units, or groups of them, has none.
        Scores are those of `TaskScores.score_on`. ``n_untimed``: units without a time.
    """
    together = _bound_all(found, metric, periods, resampling)
    rows = [
        {
            **row,
            "kind": kind,
            "period": period.name,
            "start": _write(period.start),
            "end": _write(period.end),
            "n": int(is_in.sum()),
            "value": score.value,
            **_keep(ends, is_in, found, (score.low, score.high)),
            "n_untimed": periods.n_untimed,
        }
        for number, period in enumerate(periods.periods)
        for is_in in [periods.codes == number]
        for (row, score), ends in zip(
            score_units(found, metric, is_in, resampling), (together[name][number] for name in found.families), strict=True
        )
    ]
    return make_table(rows, PERIODS)


def score_by_period(found: TaskScores, metric: str, periods: Periods) -> np.ndarray:
    """Item scores whose means over the units of a period are the scores on it: (n_units, n_families); 0 without a time."""
    scores = np.zeros((len(periods.codes), len(found.families)))
    for number in range(len(periods.periods)):
        scores[periods.codes == number] = found.average_families_on(metric, periods.codes == number)
    return scores


def _bound_all(
    found: TaskScores, metric: str, periods: Periods, resampling: Resampling
) -> Mapping[str, list[tuple[float, float]]]:
    """Bound the scores of each embedding on its periods, all at once; some embeddings at a time."""
    timed, n_periods = periods.codes >= 0, len(periods.periods)
    scores = score_by_period(found, metric, periods)
    scores, codes, groups = scores[timed], periods.codes[timed], found.groups[timed]
    is_in = codes[:, None] == np.arange(n_periods)
    names, ends = list(found.families), {}
    for some in _blocks(len(names), max(1, _MOST_VALUES // max(1, is_in.size))):
        together = bound_together(
            np.repeat(scores[:, some], n_periods, axis=1),
            groups,
            resampling,
            members=np.tile(is_in, (1, len(some))),
            sets=np.repeat(np.arange(len(some)), n_periods),
            bounds=find_range(metric),
        )
        pairs = list(zip(together.low.tolist(), together.high.tolist(), strict=True))
        for place, number in enumerate(some):
            ends[names[number]] = pairs[place * n_periods : (place + 1) * n_periods]
    return ends


def _blocks(n: int, size: int) -> Iterator[list[int]]:
    for start in range(0, n, size):
        yield list(range(start, min(start + size, n)))


def _keep(together: tuple[float, float], is_in: np.ndarray, found: TaskScores, own: tuple[float, float]) -> dict[str, float]:
    ends = (*own, *together) if count_groups(found.groups, is_in) >= FEWEST_OF_PART else (np.nan,) * 4
    return dict(zip(("ci_low", "ci_high", "together_low", "together_high"), ends, strict=True))


def _write(moment: np.datetime64) -> str:
    """Write a time to the second: ``2024-05-31T18:30:00``."""
    return str(moment.astype("datetime64[s]"))
