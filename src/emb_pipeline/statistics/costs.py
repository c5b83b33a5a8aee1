"""The costs of an embedding: the column that each has in every table, and its words in text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias


@dataclass(frozen=True)
class Cost:
    """One cost.

    Attributes
    ----------
    name : str
        Its column.
    label : str
        The words for it next to a number that is written with its unit.
    with_unit : str
        The words for it next to a bare number.
    is_weighed : bool
        Whether a decision may weigh it, and a budget limit it.
    """

    name: str
    label: str
    with_unit: str
    is_weighed: bool = True


_ALL = (
    Cost("bytes_per_item", "bytes per vector", "bytes per vector"),
    Cost("bytes", "size of the model", "bytes of the model"),
    Cost("peak_rss_bytes", "memory in training", "bytes of memory in training"),
    Cost("train_seconds", "time to train", "seconds to train"),
    Cost("encode_seconds", "time to encode the task", "seconds to encode the task"),
    Cost("fit_seconds", "time to fit or search", "seconds to fit or search", is_weighed=False),
    Cost("tune_seconds", "time to choose hyper-parameters", "seconds to choose hyper-parameters", is_weighed=False),
    Cost("latency_ms_p50", "time of a request (median)", "ms a request (median)"),
    Cost("latency_ms_p95", "time of a request (95 %)", "ms a request (95 %)"),
    Cost("latency_ms_p99", "time of a request (99 %)", "ms a request (99 %)"),
    Cost("processor_ms_p50", "processor time of a request (median)", "ms of processor time a request (median)"),
    Cost("processor_ms_p95", "processor time of a request (95 %)", "ms of processor time a request (95 %)"),
    Cost("price_per_million", "price of a million requests", "for a million requests"),
    Cost("usd_per_million_texts", "price of a million texts", "US dollars for a million texts"),
)
COSTS: dict[str, Cost] = {cost.name: cost for cost in _ALL}
WEIGHED = tuple(cost.name for cost in _ALL if cost.is_weighed)
"""Those that a decision may weigh."""
LATENCIES = tuple(name for name in COSTS if name.startswith("latency"))
"""Wall times of one request."""
OF_REQUEST = tuple(name for name in COSTS if name.startswith(("latency", "processor")))
"""All times of one request: the stage `measure` takes them."""
PRICES = ("price_per_million", "usd_per_million_texts")
"""What is paid for requests, and for texts."""
OF_EVALUATION = ("encode_seconds", "fit_seconds", "tune_seconds", "bytes_per_item", "usd_per_million_texts")
"""Those that an evaluation tells (`emb_pipeline.tasks.evaluation.Evaluation`)."""
OF_TRAINING = ("train_seconds", "peak_rss_bytes", "bytes")
"""Those that a training tells."""
UNTIL_SCORED = ("train_seconds", "encode_seconds", "fit_seconds")
"""Seconds whose sum is the time from a corpus to a score; choosing hyper-parameters is a part of fitting."""

if TYPE_CHECKING:
    WeighedCost: TypeAlias = str
else:
    WeighedCost = Literal[WEIGHED]


def label_of(name: str) -> str:
    """Find the words for a cost; one that is unknown is written as its column is called."""
    return COSTS[name].label if name in COSTS else name
