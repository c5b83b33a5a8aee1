"""One embedding on one task: its cut-off, what that promises, and how many answerable requests it lets through."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np

from emb_pipeline.statistics.cutoffs.conformal import choose_threshold, count_needed
from emb_pipeline.statistics.cutoffs.roc_area import estimate_roc_area
from emb_pipeline.statistics.intervals.bootstrap import Interval, compute_mean_intervals
from emb_pipeline.statistics.resampling import Resampling

LOG_ODDS = "log-odds"
"""Name of the score log p - log (1 - p) of the most probable class: p itself is 1 for all confident answers."""
_OF_SHARES = ("", "_low", "_high")
CUTOFF: dict[str, str] = {
    "level": "float64",
    **{f"auroc{end}": "float64" for end in _OF_SHARES},
    **dict.fromkeys(("n_answerable", "n_unanswerable", "n_calibration"), "Int64"),
    "threshold": "float64",
    "expected": "float64",
    "bound": "float64",
    **{f"answered{end}": "float64" for end in _OF_SHARES},
    **{f"recall{end}": "float64" for end in _OF_SHARES},
    **{f"right{end}": "float64" for end in _OF_SHARES},
    "n_recall": "Int64",
    "exists": "bool",
    "reason": "string",
}
"""Columns of a cut-off."""


@dataclass(frozen=True, eq=False)
class BestScores:
    """Best scores of requests that can be answered, and of such that cannot.

    Attributes
    ----------
    answerable, unanswerable : ndarray of shape (n_answerable,) and (n_unanswerable,), float64
        The score of the first passage, or of the most probable class; ``-inf`` where nothing was found.
    is_right : ndarray of shape (n_answerable,), bool
        Whether the first passage is relevant, or the class the right one.
    answerable_groups, unanswerable_groups : ndarray of str
        Groups of requests that are alike. Where both sorts have a group, it is used for the cut-off or for the shares.
    measure : str
        Name of the score: cosine, or `LOG_ODDS`.
    """

    answerable: np.ndarray
    is_right: np.ndarray
    answerable_groups: np.ndarray
    unanswerable: np.ndarray
    unanswerable_groups: np.ndarray
    measure: str = "score"

    @property
    def are_paired(self) -> bool:
        """True where a group has requests of both sorts."""
        return bool(np.intersect1d(self.answerable_groups, self.unanswerable_groups).size)


@dataclass(frozen=True)
class Cutoff:
    """A cut-off and its promise; see the columns of `CUTOFF`.

    Attributes
    ----------
    level : float
        Share of new unanswerable requests that may get an answer.
    area : Interval
        Area under the ROC curve between answerable and unanswerable requests.
    n_answerable, n_unanswerable, n_calibration, n_recall : int
        Requests of both sorts; those that the cut-off was chosen on, one of each group; and those that the recall is of.
    threshold : float
        Requests whose best score is above it are answered; NaN where there is none.
    expected, bound : float
        Share of new unanswerable requests that get an answer: on average, and in all but one of twenty choices.
    answered : Interval
        Share that gets an answer of the unanswerable requests that the cut-off was not chosen on; NaN where there are none.
    recall, right : Interval
        Share of answerable requests that is answered, and that is answered rightly; of others than the cut-off was chosen
        on.
    reason : str
        Why there is no cut-off; empty where there is one.
    """

    level: float
    area: Interval
    n_answerable: int
    n_unanswerable: int
    n_calibration: int
    threshold: float
    expected: float
    bound: float
    answered: Interval
    recall: Interval
    right: Interval
    n_recall: int
    reason: str = field(default="")

    @property
    def exists(self) -> bool:
        """True where a cut-off keeps the level and is of use."""
        return not self.reason

    def as_row(self) -> dict[str, object]:
        """Give the columns of `CUTOFF`."""
        row: dict[str, object] = {
            name: value for name, value in asdict(self).items() if not isinstance(value, dict) and name in CUTOFF
        }
        for name, of in (("auroc", self.area), ("answered", self.answered), ("recall", self.recall), ("right", self.right)):
            row |= {name: of.value, f"{name}_low": of.low, f"{name}_high": of.high}
        return {**row, "exists": self.exists}


def measure_cutoff(scores: BestScores, level: float, resampling: Resampling) -> Cutoff:
    """Choose the cut-off of an embedding on a task, and measure what it lets through on other requests.

    Where the unanswerable requests are others than the answerable ones (a file), all of them choose the cut-off. Where they
    are the same queries without their documents, half of the groups choose it, and the other half is measured.

    Parameters
    ----------
    scores : BestScores
        Best scores of both sorts.
    level : float
        Share of new unanswerable requests that may get an answer.
    resampling : Resampling
        Intervals.

    Returns
    -------
    Cutoff
        Without a threshold where too few unanswerable requests are known. One whose recall is not shown to be above the
        level is of no use, and says so: it answers no larger share of what it can answer.
    """
    chooses, is_measured = _divide_groups(scores, resampling.seed)
    of_calibration = np.isin(scores.unanswerable_groups, chooses)
    measured = np.isin(scores.answerable_groups, is_measured)
    found = choose_threshold(
        scores.unanswerable[of_calibration], scores.unanswerable_groups[of_calibration], level, seed=resampling.seed
    )
    area = estimate_roc_area(
        scores.answerable, scores.unanswerable, scores.answerable_groups, scores.unanswerable_groups, resampling
    )
    n_groups = len(np.unique(scores.unanswerable_groups[of_calibration]))
    nothing, counts = _no_interval(), (len(scores.answerable), len(scores.unanswerable))
    if found is None:
        of = f"{n_groups} unanswerable requests choose the cut-off, and a level of {100 * level:g} % needs"
        needed = f"{of} {count_needed(level)}"
        nan = float("nan")
        return Cutoff(level, area, *counts, n_groups, nan, nan, nan, nothing, nothing, nothing, 0, needed)
    answered, right = (scores.answerable > found.value)[measured], scores.is_right[measured]
    recall, rightly = _estimate_shares(
        np.column_stack([answered, answered & right]), scores.answerable_groups[measured], resampling
    )
    others = ~of_calibration
    let_through = (
        _estimate_shares(
            (scores.unanswerable > found.value)[others][:, None], scores.unanswerable_groups[others], resampling
        )
        if others.any()
        else [nothing]
    )
    is_useful = recall.low > level
    reason = "" if is_useful else "no larger share of the answerable requests is shown to be answered"
    return Cutoff(
        level,
        area,
        *counts,
        found.n,
        found.value,
        found.expected,
        found.bound,
        let_through[0],
        recall,
        rightly,
        int(measured.sum()),
        reason,
    )


def _divide_groups(scores: BestScores, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide groups into those that choose the cut-off and those that it is measured on."""
    if not scores.are_paired:
        return np.unique(scores.unanswerable_groups), np.unique(scores.answerable_groups)
    groups = np.union1d(scores.answerable_groups, scores.unanswerable_groups)
    drawn = np.random.default_rng(seed).permutation(groups)
    half = (len(drawn) + 1) // 2
    return drawn[:half], drawn[half:]


def _estimate_shares(hits: np.ndarray, groups: np.ndarray, resampling: Resampling) -> list[Interval]:
    shares = hits.astype(np.float64)
    if len(np.unique(groups)) < 2:
        return [Interval(float(value), float("nan"), float("nan")) for value in (shares.mean(axis=0) if len(shares) else [])]
    return compute_mean_intervals(
        shares,
        n_resamples=resampling.resamples,
        rng=resampling.create_rng(),
        groups=groups,
        level=1 - resampling.level,
        bounds=(0.0, 1.0),
    )


def _no_interval() -> Interval:
    return Interval(float("nan"), float("nan"), float("nan"))
