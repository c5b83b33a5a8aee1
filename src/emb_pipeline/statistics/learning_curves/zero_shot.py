"""The point of learning curves without labels, and how many labels it takes until a probe is ahead of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.statistics.comparisons.claims import ALL_LABELS, ZeroShotPoint, select_zero_shot_tests
from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means, compute_percentile_interval, keep_in_range
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance
from emb_pipeline.statistics.intervals.metric_ranges import find_range
from emb_pipeline.statistics.learning_curves.crossovers import compute_crossing_percentiles, interpolate_crossing
from emb_pipeline.statistics.learning_curves.label_curves import CurveScores
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import Scores, TaskScores, list_tables, make_table, read_task_scores

ZERO_SHOT = {
    **dict.fromkeys(("task", "metric", "embedding"), "string"),
    **dict.fromkeys(("value", "ci_low", "ci_high"), "float64"),
    "is_ahead": "bool",
    "ahead_from": "float64",
    **dict.fromkeys(("crossing", "crossing_low", "crossing_high"), "float64"),
    "gain": "float64",
    "fewest_labels": "float64",
    "most_labels": "float64",
    "n": "int64",
}
"""One row per embedding. ``is_ahead``: its probe with all labels is significantly ahead of the same embedding without any.
``ahead_from``: the fewest labels at which it is, and at all larger numbers; NaN where it is not, even with all.
``crossing``: where the measured difference changes its sign; 0 below ``fewest_labels``, inf beyond ``most_labels``.
``gain``: what all labels bring. Numbers of labels are NaN where there is no learning curve."""


@dataclass(frozen=True, eq=False)
class _Probes:
    """Scores of the probes of some embeddings at each number of labels, the last of which is all of them."""

    counts: np.ndarray
    scores: list[np.ndarray]
    extra: list[ExtraVariance]
    tested_as: list[int]


def gather_zero_shot(item_scores: Scores) -> dict[str, ZeroShotPoint]:
    """Gather scores without labels, of each task that has them: rows whose ``label_fraction`` is 0.

    Parameters
    ----------
    item_scores : DataFrame, Table or iterable of Table
        Item scores of all cells.
    """
    tables = list_tables(item_scores)
    if not any(pc.any(pc.equal(table["label_fraction"], 0.0)).as_py() for table in tables):
        return {}
    return {
        each.task: ZeroShotPoint(list(each.families), each.average_families(next(iter(each.metrics))))
        for each in read_task_scores(tables, label_fraction=0.0)
    }


def build_zero_shot(
    item_scores: Scores,
    curves: Sequence[CurveScores],
    metrics: Mapping[str, str],
    resampling: Resampling,
    claims: pd.DataFrame,
    *,
    training_draws: pa.Table | None = None,
) -> pd.DataFrame:
    """Compare each embedding's probe with the same embedding without labels, on the same test units.

    Parameters
    ----------
    item_scores, metrics, training_draws
        As for `emb_pipeline.statistics.learning_curves.label_curves.gather_curve_scores`.
    curves : sequence of CurveScores
        Scores with labels.
    resampling : Resampling
        How intervals are made.
    claims : DataFrame
        Tests of all that a report claims (`comparisons.claims.check_claims`, given `gather_zero_shot`).

    Returns
    -------
    DataFrame with the columns of ZERO_SHOT

    Notes
    -----
    Scores without labels vary with the test units alone. The interval of the crossing is of other units and other labels:
    percentiles of the crossings of resampled curves, each with the luck of its labels.
    """
    points = gather_zero_shot(item_scores)
    if not points:
        return make_table([], ZERO_SHOT)
    of_task = {each.task: each for each in curves}
    rows = []
    for task in read_task_scores(item_scores, training_draws=training_draws):
        if task.task in points:
            point, metric = points[task.task], metrics[task.task]
            probes = _find_probes(task, metric, point.embeddings, of_task.get(task.task))
            rows += _compare(task, metric, point, probes, resampling, claims)
    return make_table(rows, ZERO_SHOT)


def _find_probes(task: TaskScores, metric: str, names: Sequence[str], curve: CurveScores | None) -> _Probes:
    if curve is not None and set(names) <= set(curve.embeddings):
        places = [curve.embeddings.index(name) for name in names]
        weights = np.eye(len(curve.embeddings))[:, places]
        return _Probes(
            curve.counts.astype(np.float64),
            [scores[:, places] for scores in curve.scores],
            [extra.combine(weights) for extra in curve.extra],
            [*(int(count) for count in curve.counts[:-1]), ALL_LABELS],
        )
    places = [list(task.families).index(name) for name in names]
    weights = task.family_weights[:, places]
    extra = task.estimate_extra_variance(metric).combine(weights)
    return _Probes(np.array([np.nan]), [task.average_families(metric)[:, places]], [extra], [ALL_LABELS])


def _compare(
    task: TaskScores,
    metric: str,
    point: ZeroShotPoint,
    probes: _Probes,
    resampling: Resampling,
    claims: pd.DataFrame,
) -> list[dict[str, object]]:
    rng, level, n_groups = resampling.create_rng(), 1 - resampling.level, len(np.unique(task.groups))
    values = point.scores.mean(axis=0)
    moved = _resample(point.scores, task.groups, resampling)
    differences = np.stack([scores.mean(axis=0) - values for scores in probes.scores], axis=1)
    of_probes = [
        _resample(scores, task.groups, resampling) + extra.draw_deviations(resampling.resamples, rng)
        for scores, extra in zip(probes.scores, probes.extra, strict=True)
    ]
    changed = np.stack(of_probes, axis=2) - moved[:, :, None]
    tests = [select_zero_shot_tests(claims, task.task, point.embeddings, count) for count in probes.tested_as]
    is_ahead = np.stack([each.p_adjusted <= resampling.level for each in tests], axis=1) & (differences > 0)
    rows = []
    for number, name in enumerate(point.embeddings):
        resampled = moved[:, number : number + 1]
        bounds = find_range(metric)
        if np.isfinite(bounds).all():
            resampled = keep_in_range(values[number : number + 1], resampled, bounds, n_groups=n_groups)
        interval = compute_percentile_interval(values[number], resampled[:, 0], level)
        crossings = np.array([find_crossing(probes.counts, each) for each in changed[:, number]])
        low, high = compute_crossing_percentiles(crossings, level)
        rows.append(
            {
                "task": task.task,
                "metric": metric,
                "embedding": name,
                "value": interval.value,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "is_ahead": is_ahead[number, -1],
                "ahead_from": find_first_of_the_rest(probes.counts, is_ahead[number]),
                "crossing": find_crossing(probes.counts, differences[number]),
                "crossing_low": low,
                "crossing_high": high,
                "gain": differences[number, -1],
                "fewest_labels": probes.counts[0],
                "most_labels": probes.counts[-1],
                "n": len(task.groups),
            }
        )
    return rows


def _resample(scores: np.ndarray, groups: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Means of resampled units, the same for all matrices: shape (n_resamples, n_embeddings)."""
    return bootstrap_means(scores, n_resamples=resampling.resamples, rng=resampling.create_rng(), groups=groups)


def find_crossing(counts: np.ndarray, differences: np.ndarray) -> float:
    """Find the number of labels from which on the differences are above 0, on lines between the counts in log n.

    Parameters
    ----------
    counts, differences : ndarray of shape (n_counts,)
        Labels, ascending, and what they are ahead by.

    Returns
    -------
    float
        0 where all are above 0, inf where the last one is not.
    """
    behind = np.flatnonzero(differences <= 0)
    if not len(behind):
        return 0.0
    last = int(behind[-1])
    if last == len(counts) - 1:
        return float("inf")
    return interpolate_crossing(counts, differences, last)


def find_first_of_the_rest(counts: np.ndarray, is_ahead: np.ndarray) -> float:
    """Find the smallest count from which on all are ahead; NaN where the last one is not."""
    behind = np.flatnonzero(~is_ahead)
    first = int(behind[-1]) + 1 if len(behind) else 0
    return float(counts[first]) if first < len(counts) else float("nan")
