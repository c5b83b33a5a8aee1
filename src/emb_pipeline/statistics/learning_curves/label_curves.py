"""Learning curves: how scores grow with the number of labels, and what the luck of the labels adds to their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.statistics.comparisons.claims import (
    ALL_LABELS,
    CurvePoint,
    list_tested_on_curve,
    select_pair_tests,
)
from emb_pipeline.statistics.comparisons.listed_pairs import MOST_IN_ALL_PAIRS, find_highest
from emb_pipeline.statistics.intervals.bootstrap import bootstrap_means, compute_percentile_interval, keep_in_range
from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance
from emb_pipeline.statistics.intervals.metric_ranges import find_largest_difference, find_range
from emb_pipeline.statistics.learning_curves.crossovers import CROSSOVERS, Band, find_crossovers
from emb_pipeline.statistics.learning_curves.curve_shapes import CurvePoints, Extrapolation, explain_silence, extrapolate
from emb_pipeline.statistics.learning_curves.label_luck import estimate_label_luck
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import Scores, TaskScores, list_tables, make_table, read_task_scores

CURVES = {
    "task": "string",
    "metric": "string",
    "embedding": "string",
    "n_labels": "int64",
    "label_fraction": "float64",
    "draws": "int64",
    "value": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "draw_sd": "float64",
    "fitted": "float64",
    "held_out": "float64",
    "held_out_low": "float64",
    "held_out_high": "float64",
    "doubling": "float64",
    "doubling_low": "float64",
    "doubling_high": "float64",
    "silence": "string",
    "n": "int64",
}


_WHOLE = 1e-6
"""Numbers of right answers are whole to within this."""


@dataclass(frozen=True, eq=False)
class CurveScores:
    """Scores of a task's embeddings at each number of labels.

    Attributes
    ----------
    task, metric : str
        Whose scores of what.
    embeddings : list of str
        Names of the columns; those that differ by their seed alone are one: their mean.
    counts : ndarray of shape (n_counts,)
        Labels, ascending; the last is all of them.
    fractions, n_draws : ndarray of shape (n_counts,)
        Share of all labels, and draws of the labels.
    is_balanced : bool
        True where fewer labels are as many of each class, and all of them are not.
    scores : list of ndarray of shape (n_units, n_embeddings)
        Item scores at each count, means over draws, on the same units.
    groups : ndarray of shape (n_units,)
        Units that are resampled together.
    extra : list of ExtraVariance
        At each count, what other labels would change (`estimate_label_luck`).
    draw_sd : ndarray of shape (n_embeddings, n_counts)
        Standard deviation over draws; 0 at all labels.
    """

    task: str
    metric: str
    embeddings: list[str]
    counts: np.ndarray
    fractions: np.ndarray
    n_draws: np.ndarray
    scores: list[np.ndarray]
    groups: np.ndarray
    extra: list[ExtraVariance]
    draw_sd: np.ndarray
    is_balanced: bool = False

    @property
    def values(self) -> np.ndarray:
        """Means over units: shape (n_embeddings, n_counts)."""
        return np.stack([matrix.mean(axis=0) for matrix in self.scores], axis=1)

    def list_points(self) -> list[CurvePoint]:
        """The same with fewer labels than all, for the test of all claims (`comparisons.claims`)."""
        return [
            CurvePoint(int(count), self.embeddings, scores, extra)
            for count, scores, extra in zip(self.counts[:-1], self.scores[:-1], self.extra[:-1], strict=True)
        ]


def build_learning_curves(
    tasks: Iterable[CurveScores], resampling: Resampling | None = None, *, claims: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores by number of labels, and which embedding is ahead of the best one when labels are few.

    Parameters
    ----------
    tasks : iterable of CurveScores
        Of `gather_curve_scores`.
    resampling : Resampling, optional
        How intervals are made.
    claims : DataFrame, optional
        Tests of all that a report claims (`comparisons.claims.check_claims`, given the `CurveScores.list_points`):
        verdicts follow their adjusted p. Without them, they follow a band over the pairs and counts of a task.

    Returns
    -------
    curves : DataFrame with the columns of CURVES
        One row per embedding and number of labels. On the row of all labels: ``doubling``, the gain from twice as many
        with its interval, or a ``silence`` with the reason (`learning_curves.curve_shapes.extrapolate`);
        ``held_out``, the value that the other points foretell, and the interval in which it would be measured. ``fitted``:
        the curves that fit best, weighed.
    crossovers : DataFrame with the columns of CROSSOVERS
        Each embedding against the reference, which is best with all labels. ``ahead below``: significantly better with
        fewer labels; ``n_labels`` is where the difference changes its sign, with an interval that may reach beyond all
        labels (inf). ``as good below``: no significant difference up to ``n_labels``, behind with more. ``behind below``:
        behind with fewer, no significant difference from ``n_labels`` on.

    Notes
    -----
    Intervals are of other test units and of other labels: units are resampled (the same for all), and the luck of the labels
    adds deviations that follow a t distribution of as many degrees of freedom as there are draws, less one.
    """
    chosen = resampling or Resampling()
    curves: list[dict[str, object]] = []
    crossed: list[dict[str, object]] = []
    for scores in tasks:
        resampled = resample_values(scores, chosen)
        curves += _build_rows(scores, resampled, chosen)
        names, band = scores.embeddings, Band(scores.values, resampled, scores.extra, chosen)
        if (compared := _choose_compared(scores, claims)) is not None:
            names = [names[place] for place in compared]
            weights = np.eye(len(scores.embeddings))[:, compared]
            extra = [each.combine(weights) for each in scores.extra]
            band = Band(scores.values[compared], resampled[:, compared], extra, chosen)
        p = None if claims is None else _select_adjusted_p(scores, names, claims)
        crossed += [
            {"task": scores.task, "metric": scores.metric, **row}
            for row in find_crossovers(
                names, scores.counts, band, p_adjusted=p, largest=find_largest_difference(scores.metric)
            )
        ]
    return make_table(curves, CURVES), make_table(crossed, CROSSOVERS)


def gather_curve_scores(
    item_scores: Scores, draws: pd.DataFrame, metrics: Mapping[str, str], *, training_draws: pa.Table | None = None
) -> Iterator[CurveScores]:
    """Scores at each number of labels, of each task that has a learning curve.

    Parameters
    ----------
    item_scores : DataFrame, Table or iterable of Table
        Item scores of all cells; rows with a ``label_fraction`` below 1 are means over draws of a part of the labels.
    draws : DataFrame of task, embedding, family, n_labels, label_fraction, class_share, folds, draw, value
        The mean score of each draw; the same draw is the same labels for all embeddings. ``folds`` is the number of
        folds that each mean is over, 1 for a split. ``class_share`` is the share of a class's labels that was drawn, in the
        mean over classes: the ``label_fraction`` where each class was drawn in its share.
    metrics : mapping of str to str
        The metric of each task; tasks that are not in ``draws`` have no curve.
    training_draws : Table, optional
        Scores by probes that learnt from resamples of all labels (`emb_pipeline.tasks.scores.TRAINING_DRAWS`). Without
        them, the luck of all labels is that of the largest part of them, whose variance is taken to fall as one over their
        number.
    """
    tables = list_tables(item_scores)
    for task, of_task in draws.groupby("task", sort=False):
        own = [table.filter(pc.equal(table["task"], task)) for table in tables]
        yield _build_curve_scores(own, of_task, str(task), metrics[str(task)], training_draws)


def resample_values(scores: CurveScores, resampling: Resampling) -> np.ndarray:
    """Means of resampled units, the same at all counts: shape (n_resamples, n_embeddings, n_counts)."""
    return np.stack(
        [
            bootstrap_means(matrix, n_resamples=resampling.resamples, rng=resampling.create_rng(), groups=scores.groups)
            for matrix in scores.scores
        ],
        axis=2,
    )


def raise_to_trend(luck: Sequence[ExtraVariance], factors: Sequence[float]) -> list[ExtraVariance]:
    """Replace estimates from few draws that are too small by chance.

    Two or three draws may be close together by chance. A test that takes their variance for the true one then finds what is
    not there, the more so where the variance over units is next to it.

    Parameters
    ----------
    luck : sequence of ExtraVariance
        At each number of labels.
    factors : sequence of float
        What each would be, up to one covariance for all, were the variance to fall as one over the number of labels.

    Returns
    -------
    list of ExtraVariance
        The estimate itself, or what the mean of all estimates, weighed by their degrees of freedom, says of that number of
        labels, whichever has the larger trace. So the variance is too large by some rather than too small.
    """
    known = [(each, factor) for each, factor in zip(luck, factors, strict=True) if np.isfinite(each.freedom)]
    if not known:
        return list(luck)
    freedom = np.array([each.freedom for each, _ in known])
    of_one = np.tensordot(freedom / freedom.sum(), np.stack([each.covariance / factor for each, factor in known]), 1)
    made = []
    for each, factor in zip(luck, factors, strict=True):
        of_trend = ExtraVariance(of_one * factor, float(freedom.max()))
        made.append(each if np.trace(each.covariance) >= np.trace(of_trend.covariance) else of_trend)
    return made


def find_share_of_labels(scores: np.ndarray, draws: np.ndarray) -> float:
    """Share of the variance over draws that is not chance in which test units each draw gets right.

    Draws differ on these units in part because each happens to get other units right. That part is in the variance over
    units already. It is known from the item scores where every score is 0 or 1: a unit that is right in a share q of J
    draws has the variance ``q (1 - q) J / (J - 1)`` over draws.

    Parameters
    ----------
    scores : ndarray of shape (n_units, n_systems)
        Item scores, means over draws.
    draws : ndarray of shape (n_draws, n_systems)
        Mean score of each draw.

    Returns
    -------
    float
        The same for all systems, so that the estimate keeps its degrees of freedom: ``s / (s + c)`` of the variance s over
        draws and the chance c, both summed over systems. It is more than ``1 - c / s``, which few draws would often make 0.
        1 where scores are not all 0 or 1, or where there are no two draws.
    """
    n_draws = len(draws)
    right = scores * n_draws
    if n_draws < 2 or np.abs(right - np.round(right)).max() > _WHOLE or right.min() < -_WHOLE or scores.max() > 1 + _WHOLE:
        return 1.0
    spread = draws.var(axis=0, ddof=1)
    chance = ((scores * (1 - scores)).mean(axis=0) * n_draws / (n_draws - 1) - spread) / len(scores)
    whole, part = float(spread.sum()), max(float(chance.sum()), 0.0)
    return whole / (whole + part) if whole > 0 else 1.0


def _build_curve_scores(
    tables: Sequence[pa.Table], draws: pd.DataFrame, task: str, metric: str, training_draws: pa.Table | None
) -> CurveScores:
    parts = draws.drop_duplicates(["n_labels", "label_fraction"]).sort_values("n_labels")
    shares = parts["class_share"].to_numpy()
    counts, fractions = parts["n_labels"].to_list(), [*parts["label_fraction"].to_list(), 1.0]
    n_labels = round(counts[0] / fractions[0])
    folds = int(draws["folds"].max())
    found = [
        next(read_task_scores(tables, label_fraction=each, training_draws=training_draws if each == 1.0 else None))
        for each in fractions
    ]
    names = [name for name in found[0].families if all(name in each.families for each in found)]
    matrices = [each.average_families(metric)[:, [list(each.families).index(name) for name in names]] for each in found]
    by_draw = [_average_draws(draws[draws["n_labels"] == count], names) for count in counts]
    overlaps = [max(folds - 1, 1) * share / (1 - share) for share in shares]
    of_labels = [
        find_share_of_labels(_select_single_seeds(each, metric, names), single)
        for each, (_, single) in zip(found[:-1], by_draw, strict=True)
    ]
    own_luck = [
        estimate_label_luck(means, single, overlap=overlap, share=share)
        for (means, single), overlap, share in zip(by_draw, overlaps, of_labels, strict=True)
    ]
    # The luck of a draw falls as one over its labels.
    of_all = max(folds - 1, 1) * counts[-1] / n_labels / (1 - shares[-1])
    whole = _estimate_at_all_labels(found[-1], metric, names, by_draw[-1][1], of_all, of_labels[-1])
    factors = [
        (1 - share) / count * (1 / len(means) + overlap)
        for (means, _), count, share, overlap in zip(by_draw, counts, shares, overlaps, strict=True)
    ]
    extra = raise_to_trend(own_luck, factors)
    if found[-1].estimate_extra_variance(metric).is_zero:
        *_, whole = raise_to_trend([*own_luck, whole], [*factors, max(folds - 1, 1) / n_labels])
    spread = [means.std(axis=0, ddof=1) if len(means) > 1 else np.zeros(len(names)) for means, _ in by_draw]
    return CurveScores(
        task=task,
        metric=metric,
        embeddings=names,
        counts=np.array([*counts, n_labels]),
        fractions=np.array(fractions),
        n_draws=np.array([*(len(means) for means, _ in by_draw), 1]),
        scores=matrices,
        groups=found[-1].groups,
        extra=[*extra, whole],
        draw_sd=np.stack([*spread, np.zeros(len(names))], axis=1),
        is_balanced=not np.allclose(shares, fractions[:-1]),
    )


def _average_draws(draws: pd.DataFrame, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mean score of each draw, shape (n_draws, n_embeddings): over seeds, and of one seed of each embedding."""
    means = draws.groupby(["draw", "family"])["value"].mean().unstack("family")
    repeats = draws["embedding"] != draws["family"]
    first = draws.loc[repeats.sort_values(kind="stable").index]
    single = first.groupby(["draw", "family"])["value"].first().unstack("family")
    return means[list(names)].to_numpy(), single[list(names)].to_numpy()


def _select_single_seeds(scores: TaskScores, metric: str, names: Sequence[str]) -> np.ndarray:
    """Item scores of one seed of each embedding: the one that repeats no other, or the first."""
    columns = []
    for name in names:
        plain = [column for column in scores.families[name] if scores.embeddings[column] == name]
        columns.append((plain or scores.families[name])[0])
    return scores.metrics[metric][:, columns]


def _estimate_at_all_labels(
    scores: TaskScores, metric: str, names: Sequence[str], single: np.ndarray, overlap: float, share: float
) -> ExtraVariance:
    known = scores.estimate_extra_variance(metric)
    if known.is_zero:
        return estimate_label_luck(np.repeat(single[:1], len(single), axis=0), single, overlap=overlap, share=share)
    families = list(scores.families)
    return known.combine(scores.family_weights[:, [families.index(name) for name in names]])


def _build_rows(scores: CurveScores, resampled: np.ndarray, resampling: Resampling) -> list[dict[str, object]]:
    """One row per embedding and count."""
    values, bounds, level = scores.values, find_range(scores.metric), 1 - resampling.level
    rng = resampling.create_rng()
    luck = np.stack([extra.draw_deviations(len(resampled), rng) for extra in scores.extra], axis=2)
    n_groups = len(np.unique(scores.groups))
    rows = []
    for number, embedding in enumerate(scores.embeddings):
        moved = resampled[:, number] + luck[:, number]
        if np.isfinite(bounds).all():
            moved = keep_in_range(values[number], moved, bounds, n_groups=n_groups)
        found = _extrapolate_curve(scores, values[number], resampled[:, number], number, bounds[1], level, rng)
        largest = find_largest_difference(scores.metric)
        for place, count in enumerate(scores.counts):
            interval = compute_percentile_interval(values[number, place], moved[:, place], level)
            row: dict[str, object] = {
                "task": scores.task,
                "metric": scores.metric,
                "embedding": embedding,
                "n_labels": int(count),
                "label_fraction": scores.fractions[place],
                "draws": scores.n_draws[place],
                "value": interval.value,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "draw_sd": scores.draw_sd[number, place],
                "fitted": found.fitted[place],
                "n": len(scores.groups),
            }
            if count == scores.counts[-1]:
                row |= {
                    "held_out": found.held_out,
                    "held_out_low": found.held_out_low,
                    "held_out_high": found.held_out_high,
                    "doubling": found.gain,
                    "doubling_low": max(found.low, -largest),
                    "doubling_high": min(found.high, largest),
                    "silence": found.silence,
                }
            rows.append(row)
    return rows


def _extrapolate_curve(
    scores: CurveScores,
    values: np.ndarray,
    resampled: np.ndarray,
    number: int,
    highest: float,
    level: float,
    rng: np.random.Generator,
) -> Extrapolation:
    if scores.is_balanced:
        unfitted = np.full(len(scores.counts), np.nan)
        return explain_silence("fewer labels were as many of each class, and all of them are not", unfitted)
    points = CurvePoints(
        counts=scores.counts,
        values=values,
        of_units=np.cov(resampled, rowvar=False),
        of_labels=np.array([extra.covariance[number, number] for extra in scores.extra]),
        freedom=np.array([extra.freedom for extra in scores.extra]),
    )
    return extrapolate(points, highest=highest, level=level, rng=rng)


def _choose_compared(scores: CurveScores, claims: pd.DataFrame | None) -> list[int] | None:
    """Choose those of many embeddings that are held against the best one, as they were tested; None where all are."""
    if len(scores.embeddings) <= MOST_IN_ALL_PAIRS:
        return None
    if claims is None:
        return find_highest(scores.values[:, -1])
    tested = set(list_tested_on_curve(claims, scores.task))
    return [place for place, name in enumerate(scores.embeddings) if name in tested]


def _select_adjusted_p(scores: CurveScores, names: Sequence[str], claims: pd.DataFrame) -> np.ndarray:
    """Adjusted p of each pair of the best embedding at each count: shape (n_embeddings, n_embeddings, n_counts)."""
    n = len(names)
    p = np.ones((n, n, len(scores.counts)))
    values = [scores.values[scores.embeddings.index(name), -1] for name in names]
    best = int(np.argmax(values))
    pairs = [(best, other) for other in range(n) if other != best]
    named = [(names[i], names[j]) for i, j in pairs]
    for place, count in enumerate(scores.counts):
        is_whole = place == len(scores.counts) - 1
        found = select_pair_tests(claims, scores.task, named, ALL_LABELS if is_whole else int(count)).p_adjusted
        for (i, j), each in zip(pairs, found, strict=True):
            p[i, j, place] = p[j, i, place] = each
    return p
