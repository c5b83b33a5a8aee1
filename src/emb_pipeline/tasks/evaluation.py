"""What evaluating one embedding on one task gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Evaluation:
    """Scores and costs of one embedding on one task.

    Attributes
    ----------
    item_scores : Table of label_fraction (float64), unit_id, group_id, metric (string), value (float64)
        One row per unit and metric. Units of one group are duplicates of each other and are resampled together. Rows with
        a ``label_fraction`` below 1 are of probes that learnt from a part of the labels: means over its draws.
    metrics : dict of str to float
        Summary values; intervals are made from the item scores.
    dim : int
        Numbers per vector; 0 where there are no vectors (BM25).
    encode_seconds : float
        Fitting a task's own embedding and turning texts into vectors.
    fit_seconds : float
        Tuning and fitting the probe, or searching.
    bytes_per_item : float
        Memory of the vectors divided by their number.
    details : dict
        What else is worth keeping, ready for JSON: the chosen C, convergence.
    label_draws : list of dict
        The primary metric of each draw of a part of the labels: n_labels, label_fraction, draw, value.
    """

    item_scores: pa.Table
    metrics: dict[str, float]
    dim: int
    encode_seconds: float
    fit_seconds: float
    bytes_per_item: float
    details: dict[str, Any] = field(default_factory=dict)
    label_draws: list[dict[str, float]] = field(default_factory=list)
