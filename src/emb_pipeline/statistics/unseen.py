"""Scores with and without the test units whose text was seen in training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.names import is_resample, without_seed
from emb_pipeline.statistics.intervals import mean_intervals
from emb_pipeline.statistics.metric_ranges import range_of
from emb_pipeline.statistics.resampling import Resampling

COLUMNS = (
    "task",
    "metric",
    "embedding",
    "n",
    "n_seen",
    "value",
    "value_unseen",
    "ci_low",
    "ci_high",
    "difference",
)


def scores_on_unseen(
    item_scores: Iterable[pa.Table], seen: Mapping[str, Set[str]], metrics: Mapping[str, str], resampling: Resampling
) -> pd.DataFrame:
    """Score embeddings on the test units that nothing in the training part resembles.

    Parameters
    ----------
    item_scores : iterable of Table
        Of `emb_pipeline.tasks.scores.ITEM_SCORES`.
    seen : mapping of str to set of str
        By task, the units whose text was seen in training.
    metrics : mapping of str to str
        Primary metric of each task.
    resampling : Resampling
        Resamples, level and seed of the intervals.

    Returns
    -------
    DataFrame of `COLUMNS`
        For each task with such units, a row for each embedding, the mean of its seeds: its mean item score on all ``n``
        units and on the ``n - n_seen`` others, with the interval of the latter, and the first minus the second. For metrics
        that are no means of item scores (F1 of tagging), the second is one to first order.
    """
    wanted = {task: units for task, units in seen.items() if units}
    by_task: dict[str, list[pd.DataFrame]] = {}
    for table in item_scores:
        for task in set(wanted) & set(pc.unique(table["task"]).to_pylist()) & set(metrics):
            kept = pc.and_(
                pc.and_(pc.equal(table["task"], task), pc.equal(table["metric"], metrics[task])),
                pc.equal(pc.fill_null(table["label_fraction"], 1.0), 1.0),
            )
            columns = ["embedding", "unit_id", "group_id", "value"]
            by_task.setdefault(task, []).append(table.filter(kept).select(columns).to_pandas())
    rows = [
        row
        for task in wanted
        if task in by_task
        for row in _rows(task, by_task[task], wanted[task], metrics[task], resampling)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(
    task: str, parts: list[pd.DataFrame], seen: Set[str], metric: str, resampling: Resampling
) -> list[dict[str, object]]:
    frame = pd.concat(parts, ignore_index=True)
    frame = frame[~frame["embedding"].map(is_resample)]
    frame["embedding"] = frame["embedding"].map(without_seed)
    scores = frame.pivot_table(index="unit_id", columns="embedding", values="value", aggfunc="mean", sort=False)
    group_of = frame.drop_duplicates("unit_id").set_index("unit_id")["group_id"]
    is_seen = scores.index.isin(seen)
    n_seen = int(is_seen.sum())
    rest = scores[~is_seen]
    if not n_seen or len(rest) < 2:
        return []
    groups = np.unique(group_of.loc[rest.index].to_numpy(dtype=str), return_inverse=True)[1]
    intervals = mean_intervals(
        rest.to_numpy(),
        n_resamples=resampling.resamples,
        rng=resampling.rng(),
        groups=groups,
        level=1 - resampling.level,
        bounds=range_of(metric),
    )
    return [
        {
            "task": task,
            "metric": metric,
            "embedding": name,
            "n": len(scores),
            "n_seen": n_seen,
            "value": float(scores[name].mean()),
            "value_unseen": interval.value,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "difference": float(scores[name].mean()) - interval.value,
        }
        for name, interval in zip(scores.columns, intervals, strict=True)
    ]
