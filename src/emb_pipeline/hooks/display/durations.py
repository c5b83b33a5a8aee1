"""Times of nodes, kept for the estimate of the next run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from emb_pipeline.storage.shared_json import read_object, update_object

_WHOLE = "whole"


class Durations:
    """The seconds that the nodes of a use case took when they last ran.

    Parameters
    ----------
    path : Path
        File of the use case.
    pace : str, optional
        Of the run: a fast run's nodes work on a sample, so that their times are kept by themselves.
    """

    def __init__(self, path: Path, pace: str | None = None) -> None:
        self._path, self._pace = path, pace or _WHOLE
        self.seconds = self._find_own(read_object(path))

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Durations:
        """Read those of a use case, by its parameters."""
        return cls(Path(parameters["folders"]["models"]) / ".node_seconds.json", parameters.get("pace"))

    def find_similar(self, name: str) -> float | None:
        """Find the median time of nodes that did the same step for other embeddings or tasks."""
        return self._medians.get(name.rpartition(".")[2])

    @cached_property
    def _medians(self) -> dict[str, float]:
        """The median time of each step that earlier runs took."""
        of_step: dict[str, list[float]] = {}
        for name, seconds in self.seconds.items():
            of_step.setdefault(name.rpartition(".")[2], []).append(seconds)
        return {step: median(seconds) for step, seconds in of_step.items()}

    def keep(self, seconds: Mapping[str, float]) -> None:
        """Store new times; those of nodes that did not run here stay, those that another job stored meanwhile too."""
        new = {name: round(value, 3) for name, value in seconds.items()}
        self.seconds = self._find_own(
            update_object(self._path, lambda known: {**known, self._pace: {**self._find_own(known), **new}})
        )

    def _find_own(self, stored: Mapping[str, Any]) -> dict[str, float]:
        """Find the times of this pace in the file; none where it holds something else."""
        try:
            return {str(name): float(value) for name, value in stored.get(self._pace, {}).items()}
        except (ValueError, AttributeError, TypeError):
            return {}
