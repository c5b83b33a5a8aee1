"""Answers of several probes to the test units, gathered fold by fold, and scored by one metric when all are there."""

from __future__ import annotations

import numpy as np

from emb_pipeline.statistics.intervals.class_metrics import OF_PREDICTIONS, OF_PROBABILITIES

UNSEEN = -100.0
"""Log probability of a class that a training part has no example of."""


def answer_class(code: int, n_units: int, n_classes: int) -> np.ndarray:
    """Give the log probabilities of a probe that knows this class alone: shape (n_units, n_classes)."""
    logs = np.full((n_units, n_classes), UNSEEN)
    logs[:, code] = 0.0
    return logs


class ClassAnswers:
    """Answers of probes to the test units: classes, or probabilities where the metric needs them.

    Parameters
    ----------
    labels : ndarray of shape (n_units,)
        Class codes of the test units.
    metric : str
        Of `OF_PREDICTIONS` or `OF_PROBABILITIES`.
    n_classes, n_draws : int
        Classes of the task, and probes.
    """

    def __init__(self, labels: np.ndarray, metric: str, n_classes: int, n_draws: int) -> None:
        self._labels = labels
        self._of_logs = OF_PROBABILITIES.get(metric)
        self._of_codes = None if self._of_logs else OF_PREDICTIONS[metric]
        shape = (n_draws, len(labels), *([n_classes] if self._of_logs else []))
        self._given = np.zeros(shape, dtype=np.float32 if self._of_logs else np.int32)

    def note(self, draw: int, units: np.ndarray, logs: np.ndarray) -> None:
        """Note the log probabilities, of shape (n_units, n_classes), that a probe gives some test units."""
        self._given[draw, units] = logs if self._of_logs else logs.argmax(axis=1)

    def score(self) -> np.ndarray:
        """Compute the metric's value of each unit, for each probe: shape (n_draws, n_units)."""
        compute = self._of_logs or self._of_codes
        assert compute is not None
        scored = [compute(self._labels, given) for given in self._given]
        return np.array(scored, dtype=np.float64).reshape(len(self._given), len(self._labels))
