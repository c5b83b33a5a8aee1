"""The result of evaluating one embedding on one task, and the service that answers one request of a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        Fitting a task's own embedding and turning texts into vectors; those from a store count what they once took.
    fit_seconds : float
        Tuning and fitting the probe, or searching.
    tune_seconds : float
        The part of it that went into choosing hyper-parameters.
    bytes_per_item : float
        Memory of the vectors divided by their number.
    usd_per_million_texts : float
        What a service asks for as many texts such as the task's; 0 where this machine encodes them, NaN where no price is
        known.
    details : dict
        What else is worth keeping, ready for JSON: the chosen C, convergence.
    label_draws : list of dict
        The primary metric of each draw of a part of the labels: n_labels, label_fraction, draw, value.
    training_draws : Table of schema MEASURED_DRAWS, optional
        The primary metric of each unit by probes that learnt from resamples of the training labels
        (`emb_pipeline.tasks.splits.training_draws`). What they took is in no other field's seconds.
    predictions : Table of schema PREDICTED, optional
        Of kinds with classes or entities (`emb_pipeline.tasks.metrics.class_results`).
    """

    item_scores: pa.Table
    metrics: dict[str, float]
    dim: int
    encode_seconds: float
    fit_seconds: float
    bytes_per_item: float
    details: dict[str, Any] = field(default_factory=dict)
    label_draws: list[dict[str, float]] = field(default_factory=list)
    training_draws: pa.Table | None = None
    predictions: pa.Table | None = None
    tune_seconds: float = 0.0
    usd_per_million_texts: float = 0.0


@dataclass(frozen=True)
class Service:
    """Answers single requests of a task, to be timed.

    The head on top of the vectors may be one of the same shape with random numbers: its work is the same, and nothing
    is trained to be timed.

    Attributes
    ----------
    answer : callable
        Answers one request; what it has encoded before, it encodes again.
    requests : sequence
        Requests of the test part.
    """

    answer: Callable[[Any], Any]
    requests: Sequence[Any]
