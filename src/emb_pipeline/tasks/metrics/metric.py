"""The metrics that kinds of task are scored by: how each is written, and which direction is better."""

from __future__ import annotations

from dataclasses import dataclass, field

from emb_pipeline.embeddings.method import FOR_PEOPLE
from emb_pipeline.statistics import costs
from emb_pipeline.statistics.costs import COSTS


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : str
        As it is in tables. A ``*`` at its end stands for what the data names: ``f1_*`` is the F1 of each entity type.
    label : str
        As it is written in text; ``{}`` is what stands for the ``*``.
    percent : bool
        Whether it is a share that is written in percent, and its differences in points.
    higher_is_better : bool
        Its direction.
    of_units : bool
        Whether each unit has it by itself; without, single units are compared by the first metric of their kind.
    is_mean : bool
        Whether it is the mean of what units score, each within the metric's range: a part of them then says how far the
        whole can be. No ratio of sums, no correlation.
    is_estimate : bool
        Whether it has intervals alone, and is shown by a section of its own: nothing is claimed of its differences.
    """

    name: str
    label: str = field(metadata=FOR_PEOPLE)
    percent: bool = True
    higher_is_better: bool = True
    of_units: bool = True
    is_mean: bool = True
    is_estimate: bool = False

    def covers(self, name: str) -> bool:
        """Say if this is the metric of that name."""
        prefix, star, _ = self.name.partition("*")
        return name.startswith(prefix) and len(name) > len(prefix) if star else name == self.name

    def label_of(self, name: str) -> str:
        """Write the metric of that name, which this one covers."""
        return self.label.format(name[len(self.name) - 1 :].replace("_", " "))


LATENCIES = tuple(Metric(name, COSTS[name].with_unit, percent=False, higher_is_better=False) for name in costs.LATENCIES)
"""Of every kind that answers requests."""
