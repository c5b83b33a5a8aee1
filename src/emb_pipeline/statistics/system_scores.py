"""Item scores of several systems on the same units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emb_pipeline.statistics.intervals.extra_variance import ExtraVariance


@dataclass(frozen=True, eq=False)
class SystemScores:
    """Item scores of several systems, in one unit order.

    Attributes
    ----------
    values : ndarray of shape (n_units, n_systems)
        The scores.
    names : sequence of str
        Names of the systems.
    groups : ndarray of shape (n_units,), optional
        Units of a group are drawn, and flipped, together.
    extra : ExtraVariance, optional
        Variance of the systems' means beyond the units: intervals and tests hold it, too.
    """

    values: np.ndarray
    names: Sequence[str]
    groups: np.ndarray | None = None
    extra: ExtraVariance | None = None
