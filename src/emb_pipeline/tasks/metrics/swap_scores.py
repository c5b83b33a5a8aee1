"""Scores of test texts with some of their words exchanged: what changes for a probe that learned from unchanged texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emb_pipeline.statistics.intervals.pseudo_values import compute_ratio
from emb_pipeline.tasks.metrics.swap_names import ACCURACY, CHANGED, GAP, LOST, OF_FIRST, OF_SECOND, SAME_GAP, SWAPPED

FEWEST_SWAPPED = 20
"""Groups of test texts with a word of a list below which nothing is scored, and of one side below which no gap is."""
FIRST, SECOND, BOTH = "first", "second", "both"
"""Sides of a list whose words a text has."""


@dataclass(frozen=True)
class SwapScores:
    """Scores of exchanged texts.

    Attributes
    ----------
    values, weights : dict of str to ndarray of shape (n_units,)
        Item scores by metric, as pseudo-values of ratios, and the parts of the units in the denominators.
    counts : dict of str to float
        Test texts: ``swapped_<list>`` with a word of it, ``firstside_<list>`` and ``secondside_<list>`` with words of that
        side alone.
    """

    values: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]
    counts: dict[str, float]

    @property
    def metrics(self) -> dict[str, float]:
        """Means of the item scores, and the counts."""
        return {**{name: float(values.mean()) for name, values in self.values.items()}, **self.counts}


def score_swapped(
    name: str, label: np.ndarray, predicted: np.ndarray, groups: np.ndarray, swapped: np.ndarray, sides: np.ndarray
) -> SwapScores:
    """Score what exchanging the words of one list changes.

    Parameters
    ----------
    name : str
        Of the list.
    label, predicted : ndarray of shape (n_units,), int
        Class codes of the test texts as they are: the right one, and what the probe says.
    groups : ndarray of shape (n_units,)
        What each unit is resampled with.
    swapped : ndarray of shape (n_units,), int
        What the probe says of the exchanged text; of no meaning where no word was exchanged.
    sides : ndarray of shape (n_units,), str
        ``first``, ``second`` or ``both``; empty where no word was exchanged.

    Returns
    -------
    SwapScores
        Over the texts with a word of the list: ``changed_<list>``, the share of predictions that change;
        ``accuracy_<list>`` of the exchanged texts; ``lost_<list>``, the accuracy of the texts as they are minus that.
        ``gap_<list>``: the error on texts with words of the second side alone minus that on texts with words of the first
        side alone, as they are. ``samegap_<list>``: the same gap between two versions of each of these texts, one with
        words of either side. Without `FEWEST_SWAPPED` groups of such texts, or of each side for a gap, they are left out.

    Notes
    -----
    A gap between different texts is also due to what else these texts say. Between versions of the same texts it is due to
    the words alone.
    """
    right, right_swapped = (label == predicted).astype(np.float64), (label == swapped).astype(np.float64)
    is_first, is_second = sides == FIRST, sides == SECOND
    any_side, one_side = (sides != "").astype(np.float64), (is_first | is_second).astype(np.float64)
    counts = {
        f"{SWAPPED}{name}": float(any_side.sum()),
        f"{OF_FIRST}{name}": float(is_first.sum()),
        f"{OF_SECOND}{name}": float(is_second.sum()),
    }
    values: dict[str, np.ndarray] = {}
    weights: dict[str, np.ndarray] = {}
    if _count_groups(groups, any_side > 0) >= FEWEST_SWAPPED:
        numerators = {
            f"{CHANGED}{name}": (swapped != predicted) * any_side,
            f"{ACCURACY}{name}": right_swapped * any_side,
            f"{LOST}{name}": (right - right_swapped) * any_side,
        }
        values |= {metric: compute_ratio(above, any_side) for metric, above in numerators.items()}
        weights |= dict.fromkeys(numerators, any_side)
    if min(_count_groups(groups, is_first), _count_groups(groups, is_second)) >= FEWEST_SWAPPED:
        of_first, of_second = (compute_ratio((1 - right) * side, side.astype(np.float64)) for side in (is_first, is_second))
        values[f"{GAP}{name}"] = np.asarray(of_second) - np.asarray(of_first)
        with_first, with_second = np.where(is_first, right, right_swapped), np.where(is_first, right_swapped, right)
        values[f"{SAME_GAP}{name}"] = compute_ratio((with_first - with_second) * one_side, one_side)
        weights[f"{SAME_GAP}{name}"] = one_side
    return SwapScores(values, weights, counts)


def _count_groups(groups: np.ndarray, among: np.ndarray) -> int:
    return len(np.unique(groups[among]))
