"""Which embedding is ahead with few labels, and where another overtakes it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np

from emb_pipeline.statistics.intervals.extra_variance import (
    MANY,
    ExtraVariance,
    compute_root,
    convert_to_normal_scale,
    convert_to_squared_t,
)
from emb_pipeline.statistics.resampling import Resampling

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
BEHIND, INCONCLUSIVE = "behind throughout", "inconclusive"


class Band:
    """Intervals of all differences at all counts that hold together.

    A difference's statistic is the difference over the root of its variance over units plus that over labels. Resamples of
    the units and normal deviations of the labels say how large the largest of all statistics is by chance; in each, the
    variance over labels is estimated again from as many deviations as it has degrees of freedom. Statistics are brought to
    a normal scale first (`convert_to_normal_scale`), so that a count with few draws does not widen the band at the
    others.

    Parameters
    ----------
    values : ndarray of shape (n_embeddings, n_counts)
        Scores.
    resampled : ndarray of shape (n_resamples, n_embeddings, n_counts)
        The same of resampled units.
    extra : sequence of ExtraVariance
        At each count, of other labels.
    resampling : Resampling
        Level of the band, and the seed.
    """

    def __init__(
        self, values: np.ndarray, resampled: np.ndarray, extra: Sequence[ExtraVariance], resampling: Resampling
    ) -> None:
        self.values, self.resampled, self.extra, self.level = values, resampled, extra, resampling.level
        self._rng = resampling.create_rng()
        self._centered = resampled - resampled.mean(axis=0)

    @cached_property
    def widths(self) -> np.ndarray:
        """Half the width of each pair's interval at each count: shape (n_embeddings, n_embeddings, n_counts)."""
        n, n_counts = self.values.shape
        squares, freedom = np.zeros((n, n, n_counts)), np.full((n, n, n_counts), MANY)
        largest = np.zeros(len(self.resampled))
        for place, extra in enumerate(self.extra):
            centered = self._centered[:, :, place]
            labels, again = _draw_deviations(extra, len(centered), self._rng)
            for i, j in list_pairs(n):
                of_units = float((centered[:, i] - centered[:, j]).var())
                of_labels = float(extra.covariance[i, i] + extra.covariance[j, j] - 2 * extra.covariance[i, j])
                squares[i, j, place] = squares[j, i, place] = whole = of_units + max(of_labels, 0.0)
                if whole <= 0:
                    continue
                nu = min(extra.freedom * (whole / of_labels) ** 2, MANY) if of_labels > 1e-12 * whole else MANY
                freedom[i, j, place] = freedom[j, i, place] = nu
                deviations = centered[:, i] - centered[:, j] + labels[:, i] - labels[:, j]
                variances = of_units + np.square(again[:, :, i] - again[:, :, j]).mean(axis=1)
                np.maximum(largest, convert_to_normal_scale(np.square(deviations) / variances, nu), out=largest)
        critical = np.quantile(largest, 1 - self.level)
        return np.asarray(np.sqrt(squares * convert_to_squared_t(critical, freedom)))

    def move_reference(self, numbers: Sequence[int], reference: int) -> np.ndarray:
        """Resampled differences to one embedding, of units and of labels: shape (n_resamples, n_numbers, n_counts)."""
        rng = np.random.default_rng(self._rng.integers(1 << 31))
        luck = np.stack([extra.draw_deviations(len(self.resampled), rng) for extra in self.extra], axis=2)
        whole = self.resampled + luck
        return np.asarray(whole[:, numbers] - whole[:, reference, None])


def find_crossovers(
    embeddings: Sequence[str],
    counts: np.ndarray,
    band: Band,
    *,
    p_adjusted: np.ndarray | None = None,
    largest: float = np.inf,
) -> list[dict[str, object]]:
    """Compare each embedding with the best one with all labels, at each number of labels.

    Parameters
    ----------
    embeddings : sequence of str
        Names.
    counts : ndarray of shape (n_counts,)
        Labels, ascending.
    band : Band
        Of their differences. The best embedding is known only afterwards, so it holds for all pairs.
    p_adjusted : ndarray of shape (n_embeddings, n_embeddings, n_counts), optional
        Of "these two are equal at this count". Given these, verdicts follow them instead of the band.
    largest : float
        The largest difference that the metric has.

    Returns
    -------
    list of dict
        The columns of CROSSOVERS but for task and metric.
    """
    best = int(band.values[:, -1].argmax())
    others = [number for number in range(len(embeddings)) if number != best]
    if not others:
        return []
    differences = band.values[others] - band.values[best]
    width = band.widths[others, best]
    low, high = np.maximum(differences - width, -largest), np.minimum(differences + width, largest)
    ahead, behind = low > 0, high < 0
    if p_adjusted is not None:
        differs = p_adjusted[others, best] <= band.level
        ahead, behind = differs & (differences > 0), differs & (differences < 0)
    moved = band.move_reference(others, best)
    rows: list[dict[str, object]] = []
    for row, number in enumerate(others):
        verdict, n_labels = _reach_verdict(counts, differences[row], ahead[row], behind[row])
        bounds = _compute_crossing_interval(counts, moved[:, row], verdict, 1 - band.level)
        rows.append(
            {
                "embedding": embeddings[number],
                "reference": embeddings[best],
                "verdict": verdict,
                "n_labels": n_labels,
                "ci_low": bounds[0],
                "ci_high": bounds[1],
                **{
                    f"{name}{suffix}": series[place]
                    for name, place in (("difference_at_fewest", 0), ("difference_at_most", -1))
                    for suffix, series in (("", differences[row]), ("_low", low[row]), ("_high", high[row]))
                },
                "fewest_labels": int(counts[0]),
                "most_labels": int(counts[-1]),
            }
        )
    return rows


def list_pairs(n: int) -> list[tuple[int, int]]:
    """All pairs of numbers below n, the smaller first."""
    return list(combinations(range(n), 2))


def _draw_deviations(extra: ExtraVariance, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Normal deviations, shape (n, n_systems), and those that their variance is estimated from, (n, freedom, n_systems)."""
    n_systems = len(extra.covariance)
    if extra.is_zero or not np.isfinite(extra.freedom):
        return np.zeros((n, n_systems)), np.zeros((n, 1, n_systems))
    drawn = rng.standard_normal((n, 1 + max(1, round(extra.freedom)), n_systems)) @ compute_root(extra.covariance).T
    return drawn[:, 0], drawn[:, 1:]


def _reach_verdict(counts: np.ndarray, difference: np.ndarray, ahead: np.ndarray, behind: np.ndarray) -> tuple[str, float]:
    """In words, and the number of labels at which it changes."""
    if ahead.any():
        crossing = _find_crossing(counts, difference)
        return AHEAD_BELOW, float(counts[-1]) if np.isnan(crossing) else crossing
    if behind.all() or not behind.any():
        return (BEHIND if behind.all() else INCONCLUSIVE), float("nan")
    if behind[-1]:
        return AS_GOOD_BELOW, float(counts[np.flatnonzero(~behind)[-1]])
    return BEHIND_BELOW, float(counts[np.flatnonzero(behind)[-1] + 1])


def _find_crossing(counts: np.ndarray, difference: np.ndarray) -> float:
    """Number of labels at the last change of sign, on a line between two counts in log n; NaN without one."""
    for place, (before, after) in reversed(list(enumerate(pairwise(difference)))):
        if before * after < 0 or (after == 0 != before):
            return interpolate_crossing(counts, difference, place)
    return float("nan")


def interpolate_crossing(counts: np.ndarray, differences: np.ndarray, place: int) -> float:
    """Number of labels at which a line from one count to the next, in log n, is 0."""
    before, after = differences[place : place + 2]
    first, second = np.log(counts[place : place + 2].astype(np.float64))
    return float(np.exp(first + before / (before - after) * (second - first)))


def _compute_crossing_interval(counts: np.ndarray, moved: np.ndarray, verdict: str, level: float) -> tuple[float, float]:
    """Percentiles of the crossing over resamples; one without a crossing counts as beyond all labels."""
    if verdict != AHEAD_BELOW:
        return float("nan"), float("nan")
    crossings = np.array([_find_crossing(counts, difference) for difference in moved])
    crossings[np.isnan(crossings)] = np.inf
    return compute_crossing_percentiles(crossings, level)


def compute_crossing_percentiles(crossings: np.ndarray, level: float) -> tuple[float, float]:
    """Compute the ends of an interval of resampled crossings, of which some may be infinite: each is one of them."""
    tail = (1 - level) / 2
    low, high = np.quantile(crossings, [tail, 1 - tail], method="nearest")
    return float(low), float(high)
