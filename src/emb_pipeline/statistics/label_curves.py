"""Learning curves: how scores grow with the number of labels, and where one embedding overtakes another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emb_pipeline.names import without_seed
from emb_pipeline.statistics.intervals import bootstrap_means, keep_in_range, percentile_interval
from emb_pipeline.statistics.metric_ranges import has_values_outside, largest_difference, range_of
from emb_pipeline.statistics.resampling import Resampling
from emb_pipeline.statistics.score_tables import Scores, as_tables, framed, task_scores

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
    "asymptote": "float64",
    "exponent": "float64",
    "doubling": "float64",
    "doubling_low": "float64",
    "doubling_high": "float64",
    "n": "int64",
}
CROSSOVERS = {
    "task": "string",
    "metric": "string",
    "embedding": "string",
    "reference": "string",
    "verdict": "string",
    "n_labels": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "fewest_labels": "int64",
    "difference_at_fewest": "float64",
    "difference_at_fewest_low": "float64",
    "difference_at_fewest_high": "float64",
    "most_labels": "int64",
    "difference_at_most": "float64",
    "difference_at_most_low": "float64",
    "difference_at_most_high": "float64",
}
AHEAD_BELOW, AS_GOOD_BELOW, BEHIND_BELOW = "ahead below", "as good below", "behind below"
BEHIND, UNTOLD = "behind throughout", "cannot be told"
_EXPONENTS = np.geomspace(0.02, 2.0, 160)
_FEWEST_COUNTS = 4


@dataclass(frozen=True)
class PowerLaw:
    """``score(n) = asymptote - scale * n ** -exponent``, element by element for arrays of curves.

    Attributes
    ----------
    asymptote, scale, exponent : ndarray of shape (n_curves,)
        Where a curve ends up, how far below that it is at one label, and how fast it gets there.

    References
    ----------
    .. [1] Figueroa, Zeng-Treitler, Kandula & Ngo (2012), Predicting sample size required for classification performance.
    .. [2] Viering & Loog (2022), The shape of learning curves: a review, IEEE TPAMI 45(6).
    """

    asymptote: np.ndarray
    scale: np.ndarray
    exponent: np.ndarray

    def at(self, n: np.ndarray | float) -> np.ndarray:
        """Scores at numbers of labels: shape (n_curves,) for one number, (n_curves, n_numbers) for several."""
        numbers = np.asarray(n, dtype=np.float64)
        if numbers.ndim == 0:
            return np.asarray(self.asymptote - self.scale * numbers**-self.exponent)
        return np.asarray(self.asymptote[:, None] - self.scale[:, None] * numbers[None, :] ** -self.exponent[:, None])


def fitted_power_laws(counts: np.ndarray, values: np.ndarray, *, highest: float = np.inf) -> PowerLaw:
    """Least-squares power laws of many curves over the same counts.

    For a given exponent the other two numbers are linear: they are solved for each of 160 exponents from .02 to 2, for all
    curves at once, and the best exponent is kept (variable projection, Golub & Pereyra 1973).

    Parameters
    ----------
    counts : ndarray of shape (n_counts,)
        Labels; four or more, or an asymptote says nothing.
    values : ndarray of shape (n_curves, n_counts)
        Scores.
    highest : float
        No asymptote is above this (1 for accuracy).

    Raises
    ------
    ValueError
        Fewer than four counts, or values of another shape.
    """
    counts, values = np.asarray(counts, dtype=np.float64), np.atleast_2d(np.asarray(values, dtype=np.float64))
    if len(counts) < _FEWEST_COUNTS or values.shape[1] != len(counts):
        raise ValueError(f"{len(counts)} counts and values of shape {values.shape}: four counts or more, one value for each")
    best = np.full(len(values), np.inf)
    found = np.zeros((3, len(values)))
    centred, means = values - values.mean(axis=1, keepdims=True), values.mean(axis=1)
    for exponent in _EXPONENTS:
        falling = counts**-exponent
        spread = falling - falling.mean()
        scale = np.maximum(-(centred @ spread) / (spread @ spread), 0.0)
        asymptote = means + scale * falling.mean()
        capped = asymptote > highest
        if capped.any():  # the best scale below a fixed asymptote
            scale[capped] = np.maximum((highest - values[capped]) @ falling / (falling @ falling), 0.0)
            asymptote[capped] = highest
        errors = np.square(values - asymptote[:, None] + scale[:, None] * falling).sum(axis=1)
        better = errors < best
        best[better] = errors[better]
        found[:, better] = np.stack([asymptote, scale, np.full(len(values), exponent)])[:, better]
    return PowerLaw(*found)


def learning_curves(
    item_scores: Scores,
    draws: pd.DataFrame,
    metrics: Mapping[str, str],
    resampling: Resampling | None = None,
    *,
    highest: float = 1.0,
    floors: Mapping[str, float] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores by number of labels, and which embedding is ahead of the best one when labels are few.

    Parameters
    ----------
    item_scores : DataFrame, Table or iterable of Table
        Item scores of all cells; rows with a ``label_fraction`` below 1 are means over draws of a part of the labels.
    draws : DataFrame of task, embedding, n_labels, label_fraction, draw, value
        The mean score of each draw.
    metrics : mapping of str to str
        The metric of each task; tasks that are not in ``draws`` have no curve.
    resampling : Resampling, optional
        How intervals are made.
    highest : float
        The metric's largest value, which no fitted curve passes.
    floors : mapping of str to float, optional
        p of each task's curves in `emb_pipeline.statistics.any_difference`; where it is above the level, nothing is told.

    Returns
    -------
    curves : DataFrame with the columns of CURVES
        One row per embedding and number of labels. ``doubling`` is what the fitted curve gains from twice as many labels:
        beyond all labels an extrapolation.
    crossovers : DataFrame with the columns of CROSSOVERS
        Each embedding against the reference, which is best with all labels. ``ahead below``: significantly better with
        fewer labels; ``n_labels`` is where the difference changes its sign, with an interval that may reach beyond all
        labels (inf). ``as good below``: not told apart up to ``n_labels``, behind with more. ``behind below``: behind with
        fewer, not told apart from ``n_labels`` on. The band holds for all pairs of embeddings and all counts of a task
        together: the reference is chosen by its scores, so a band for its own differences alone would be too narrow.

    Notes
    -----
    Intervals are of other test units and of other labels: units are resampled (the same for all), and each mean over draws
    gets normal noise of its standard error, ``draw_sd / sqrt(draws)``. Embeddings that differ by their seed alone are one
    curve: their mean.
    """
    chosen = resampling or Resampling()
    curves: list[dict[str, object]] = []
    crossovers: list[dict[str, object]] = []
    for measured in _measured_curves(item_scores, draws, metrics, chosen):
        told = (floors or {}).get(measured.task, 0.0) <= chosen.level
        curves += measured.rows(highest, 1 - chosen.level)
        crossovers += measured.crossovers(1 - chosen.level, told=told)
    return framed(curves, CURVES), framed(crossovers, CROSSOVERS)


def any_curve_differs(
    item_scores: Scores, draws: pd.DataFrame, metrics: Mapping[str, str], resampling: Resampling | None = None
) -> dict[str, tuple[float, int]]:
    """For each task with curves, p of "no two embeddings differ at any number of labels", and the number of units.

    Parameters
    ----------
    item_scores, draws, metrics, resampling
        As for `learning_curves`, whose band this p belongs to.

    Notes
    -----
    ``p = (count + 1) / (resamples + 1)``, where count is the number of resamples whose largest standardised deviation, over
    all pairs and counts, reaches the largest standardised difference (max-t).
    """
    found = _measured_curves(item_scores, draws, metrics, resampling or Resampling())
    return {each.task: (each.p, each.n_units) for each in found if len(each.embeddings) > 1}


@dataclass(frozen=True, eq=False)
class _Curves:
    """All curves of a task: values of shape (n_embeddings, n_counts), resampled ones with the resamples first."""

    task: str
    metric: str
    embeddings: list[str]
    counts: np.ndarray
    fractions: np.ndarray
    draws: np.ndarray
    values: np.ndarray
    draw_sd: np.ndarray
    resampled: np.ndarray
    n_units: int
    n_groups: int
    are_pseudo_values: bool

    def rows(self, highest: float, level: float) -> list[dict[str, object]]:
        """One row per embedding and count."""
        rows = []
        is_fitted = len(self.counts) >= _FEWEST_COUNTS
        largest = largest_difference(self.metric)
        for number, embedding in enumerate(self.embeddings):
            values, resampled = self.values[number], self._in_range(number)
            fitted = gain = None
            if is_fitted:
                fitted = fitted_power_laws(self.counts, values, highest=highest)
                laws = fitted_power_laws(self.counts, resampled, highest=highest)
                gain = _doubled(fitted, self.counts)[0], _doubled(laws, self.counts)
            for place, count in enumerate(self.counts):
                interval = percentile_interval(values[place], resampled[:, place], level)
                row: dict[str, object] = {
                    "task": self.task,
                    "metric": self.metric,
                    "embedding": embedding,
                    "n_labels": int(count),
                    "label_fraction": self.fractions[place],
                    "draws": self.draws[place],
                    "value": interval.value,
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "draw_sd": self.draw_sd[number, place],
                    "n": self.n_units,
                }
                if fitted is not None and gain is not None:
                    doubling = percentile_interval(gain[0][place], gain[1][:, place], level)
                    row |= {
                        "fitted": fitted.at(count)[0],
                        "asymptote": fitted.asymptote[0],
                        "exponent": fitted.exponent[0],
                        "doubling": doubling.value,
                        "doubling_low": max(doubling.low, -largest),
                        "doubling_high": min(doubling.high, largest),
                    }
                rows.append(row)
        return rows

    def _in_range(self, number: int) -> np.ndarray:
        """Return the resampled values of one embedding, none of them outside the metric's range."""
        bounds, resampled = range_of(self.metric), self.resampled[:, number]
        if self.are_pseudo_values or has_values_outside(self.metric, resampled):
            return keep_in_range(self.values[number], resampled, bounds, n_groups=self.n_groups)
        return resampled

    @cached_property
    def errors(self) -> np.ndarray:
        """Standard errors of all differences: shape (n_embeddings, n_embeddings, n_counts)."""
        return self._deviations[0]

    @cached_property
    def p(self) -> float:
        """Of the hypothesis that no two embeddings differ at any count."""
        differences = np.abs(self.values[:, None] - self.values[None])
        observed = np.divide(differences, self.errors, out=np.zeros_like(differences), where=self.errors > 0).max()
        return float((1 + (self._deviations[1] >= observed).sum()) / (1 + len(self.resampled)))

    @cached_property
    def _deviations(self) -> tuple[np.ndarray, np.ndarray]:
        """Standard errors of the differences, and each resample's largest standardised deviation of all of them."""
        n_embeddings, n_counts = self.values.shape
        errors = np.zeros((n_embeddings, n_embeddings, n_counts))
        largest = np.zeros(len(self.resampled))
        centred = self.resampled - self.resampled.mean(axis=0)
        for i, j in combinations(range(n_embeddings), 2):
            deviations = centred[:, i] - centred[:, j]
            errors[i, j] = errors[j, i] = spread = deviations.std(axis=0)
            standardised = np.divide(np.abs(deviations), spread, out=np.zeros_like(deviations), where=spread > 0)
            np.maximum(largest, standardised.max(axis=1), out=largest)
        return errors, largest

    def crossovers(self, level: float, *, told: bool = True) -> list[dict[str, object]]:
        """Each embedding against the best one with all labels; nothing is said of who is ahead where it is not told."""
        best = int(self.values[:, -1].argmax())
        others = [number for number in range(len(self.embeddings)) if number != best]
        if not others:
            return []
        differences = self.values[others] - self.values[best]
        resampled = self.resampled[:, others] - self.resampled[:, best, None]
        width = np.quantile(self._deviations[1], level) * self.errors[others, best]
        largest = largest_difference(self.metric)
        low, high = np.maximum(differences - width, -largest), np.minimum(differences + width, largest)
        rows = []
        for row, number in enumerate(others):
            verdict, n_labels = UNTOLD, float("nan")
            if told:
                verdict, n_labels = _verdict(self.counts, differences[row], low[row], high[row])
            bounds = _interval_of_crossing(self.counts, resampled[:, row], verdict, level)
            rows.append(
                {
                    "task": self.task,
                    "metric": self.metric,
                    "embedding": self.embeddings[number],
                    "reference": self.embeddings[best],
                    "verdict": verdict,
                    "n_labels": n_labels,
                    "ci_low": bounds[0],
                    "ci_high": bounds[1],
                    **{
                        f"{name}{suffix}": series[place]
                        for name, place in (("difference_at_fewest", 0), ("difference_at_most", -1))
                        for suffix, series in (("", differences[row]), ("_low", low[row]), ("_high", high[row]))
                    },
                    "fewest_labels": int(self.counts[0]),
                    "most_labels": int(self.counts[-1]),
                }
            )
        return rows


def _measured_curves(
    item_scores: Scores, draws: pd.DataFrame, metrics: Mapping[str, str], resampling: Resampling
) -> Iterator[_Curves]:
    tables = as_tables(item_scores)
    for task, of_task in draws.groupby("task", sort=False):
        own = [table.filter(pc.equal(table["task"], task)) for table in tables]
        yield _curves_of_task(own, of_task, str(task), metrics[str(task)], resampling)


def _curves_of_task(tables: list[pa.Table], draws: pd.DataFrame, task: str, metric: str, resampling: Resampling) -> _Curves:
    parts = draws.drop_duplicates(["n_labels", "label_fraction"]).sort_values("n_labels")
    counts, fractions = parts["n_labels"].to_list(), parts["label_fraction"].to_list()
    whole = round(counts[0] / fractions[0])
    by_count = []
    for fraction in [*fractions, 1.0]:
        (scores,) = task_scores(tables, label_fraction=fraction)
        by_count.append((list(scores.families), scores.family_means(metric), scores.groups))
    names = [name for name in by_count[0][0] if all(name in families for families, _, _ in by_count)]
    matrices = [values[:, [families.index(name) for name in names]] for families, values, _ in by_count]
    resampled = np.stack(
        [
            bootstrap_means(matrix, n_resamples=resampling.resamples, rng=resampling.rng(), groups=groups)
            for matrix, (_, _, groups) in zip(matrices, by_count, strict=True)
        ],
        axis=2,
    )
    spread, number = _draws(draws, names, counts)
    noise = resampling.rng().standard_normal(resampled.shape)
    resampled = resampled + noise * (spread / np.sqrt(np.maximum(number, 1)))
    return _Curves(
        task=task,
        metric=metric,
        embeddings=names,
        counts=np.array([*counts, whole]),
        fractions=np.array([*fractions, 1.0]),
        draws=number,
        values=np.stack([matrix.mean(axis=0) for matrix in matrices], axis=1),
        draw_sd=spread,
        resampled=resampled,
        n_units=len(matrices[0]),
        n_groups=len(np.unique(by_count[0][2])),
        are_pseudo_values=any(has_values_outside(metric, matrix) for matrix in matrices),
    )


def _draws(draws: pd.DataFrame, names: list[str], counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviation over draws, shape (n_embeddings, n_counts + 1), and draws of each count; 0 and 1 for all labels."""
    families = draws["embedding"].map(without_seed)
    means = draws.groupby([families.rename("family"), "n_labels", "draw"])["value"].mean()
    spread = means.groupby(level=["family", "n_labels"]).std(ddof=1).fillna(0.0)
    number = means.groupby(level=["family", "n_labels"]).size()
    sd = np.array([[float(spread[name, count]) for count in counts] + [0.0] for name in names])
    return sd, np.array([int(number[names[0], count]) for count in counts] + [1])


def _doubled(laws: PowerLaw, counts: np.ndarray) -> np.ndarray:
    gained: np.ndarray = laws.at(2.0 * counts) - laws.at(counts.astype(np.float64))
    return gained


def _verdict(counts: np.ndarray, difference: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[str, float]:
    """In words, and the number of labels at which it changes."""
    ahead, behind = low > 0, high < 0
    if ahead.any():
        crossing = _crossing(counts, difference)
        return AHEAD_BELOW, float(counts[-1]) if np.isnan(crossing) else crossing
    if behind.all() or not behind.any():
        return (BEHIND if behind.all() else UNTOLD), float("nan")
    if behind[-1]:
        return AS_GOOD_BELOW, float(counts[np.flatnonzero(~behind)[-1]])
    return BEHIND_BELOW, float(counts[np.flatnonzero(behind)[-1] + 1])


def _crossing(counts: np.ndarray, difference: np.ndarray) -> float:
    """Number of labels at the last change of sign, on a line between two counts in log n; NaN without one."""
    logs = np.log(counts.astype(np.float64))
    for place, (before, after) in reversed(list(enumerate(pairwise(difference)))):
        if before * after < 0 or (after == 0 != before):
            share = before / (before - after)
            return float(np.exp(logs[place] + share * (logs[place + 1] - logs[place])))
    return float("nan")


def _interval_of_crossing(counts: np.ndarray, resampled: np.ndarray, verdict: str, level: float) -> tuple[float, float]:
    """Percentiles of the crossing over resamples; one without a crossing counts as beyond all labels."""
    if verdict != AHEAD_BELOW:
        return float("nan"), float("nan")
    crossings = np.array([_crossing(counts, difference) for difference in resampled])
    crossings[np.isnan(crossings)] = np.inf
    tail = (1 - level) / 2
    low, high = np.quantile(crossings, [tail, 1 - tail], method="nearest")
    return float(low), float(high)
