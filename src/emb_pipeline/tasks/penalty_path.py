"""Choosing the penalty of a probe: upwards over a logarithmic path, on held-out training rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

import numpy as np

from emb_pipeline.tasks.options import PathOptions

PATIENCE = 3
"""Values of C that bring nothing before the path ends early."""

Solution = TypeVar("Solution")
Scorer = Callable[[float], tuple[dict[str, float], np.ndarray, Solution]]
"""Fits for one C, from its last solution on: summaries, ``log_loss`` among them, the quality of each held-out unit, and the
solution."""


class PenaltyPath(Generic[Solution]):
    """Scores C on a path, and more of it where the best value lies at an end.

    Chosen is the smallest C that is worse than the best one by no more than a standard error of their paired difference on
    held-out units (after Breiman et al. 1984, ch. 3.4.3): quality is often flat over several powers of ten, where the
    smaller C has the better probabilities. The path ends early once this choice stands still while log loss grows.

    Parameters
    ----------
    unit : float
        C at step 0, in scikit-learn's scale: one over the mean squared length of a feature vector, so that one path serves
        50 and 768 dimensions and rows of length 1.
    scorer : callable
        Gives a scorer that starts from nothing. One scorer goes up the path.
    options : PathOptions
        First and last value, steps, and how far the path may be widened.
    """

    def __init__(self, unit: float, scorer: Callable[[], Scorer[Solution]], options: PathOptions) -> None:
        self._unit, self._scorer, self._options = unit, scorer, options
        self.scores: dict[int, dict[str, float]] = {}
        self._qualities: dict[int, np.ndarray] = {}
        self._solutions: dict[int, Solution] = {}

    def c_of(self, step: int) -> float:
        """C, in scikit-learn's scale, of a step of the path."""
        return float(self._unit * 10 ** (step / self._options.steps_per_decade))

    @property
    def chosen(self) -> int:
        """The first step that is not worse than the best by more than one standard error of their difference."""
        best = self._best
        return next(step for step in sorted(self.scores) if step == best or self._is_close(step, best))

    @property
    def chosen_c(self) -> float:
        """C, in scikit-learn's scale, of the chosen step."""
        return self.c_of(self.chosen)

    @property
    def chosen_solution(self) -> Solution:
        """What the scorer found for it."""
        return self._solutions[self.chosen]

    @property
    def edge(self) -> str:
        """The end of the path that the choice lies at, if it does: none, low or high."""
        if len(self.scores) > 1 and self.chosen == max(self.scores):
            return "high"
        return "low" if self._falls_from_the_start() else "none"

    @property
    def tried(self) -> list[dict[str, float]]:
        """Summaries of each C, in order."""
        return [self.scores[step] for step in sorted(self.scores)]

    def tune(self) -> None:
        """Score the steps of the path, and more where the best one is its last or first."""
        per_decade, widen = self._options.steps_per_decade, self._options.widen_decades
        low, high = (round(value * per_decade) for value in (self._options.log10_c_low, self._options.log10_c_high))
        score = self._scorer()
        for step in range(low, high + widen * per_decade + 1):
            if self._is_exhausted() or (step > high and not self._still_rises(step - 1)):
                break
            self._score(step, score)
        for step in range(low - 1, low - widen * per_decade - 1, -1):
            if not self._falls_from_the_start():
                break
            self._score(step, self._scorer())

    @property
    def _best(self) -> int:
        """The first of the steps with the highest quality."""
        return max(sorted(self.scores), key=lambda step: self._qualities[step].mean())

    def _score(self, step: int, score: Scorer[Solution]) -> None:
        c = self.c_of(step)
        summaries, self._qualities[step], self._solutions[step] = score(c)
        self.scores[step] = {"c": c, **summaries}

    def _is_close(self, step: int, best: int) -> bool:
        lost = self._qualities[best] - self._qualities[step]
        return bool(lost.mean() <= lost.std() / np.sqrt(len(lost)))

    def _is_exhausted(self) -> bool:
        """Whether the last steps brought nothing: the choice lies before them, and so does the lowest log loss."""
        last = sorted(self.scores)[-PATIENCE:]
        if len(self.scores) <= PATIENCE or self.chosen in last:
            return False
        lowest = min(scores["log_loss"] for scores in self.scores.values())
        return all(self.scores[step]["log_loss"] > lowest for step in last)

    def _still_rises(self, last: int) -> bool:
        """Whether the last step is the best one, by quality or by log loss.

        The choice lags behind: where quality creeps up, each step is better by less than a standard error, and all of them
        together by more.
        """
        return last in (self._best, min(self.scores, key=lambda step: self.scores[step]["log_loss"]))

    def _falls_from_the_start(self) -> bool:
        """Whether the first step is better than the second (on a plateau there, the probe knows class frequencies alone)."""
        steps = sorted(self.scores)
        return len(steps) > 1 and self.chosen == steps[0] and not self._is_close(steps[1], steps[0])


def mean_of(solutions: Sequence[Any]) -> Any:
    """The mean of coefficients of one kind, a dataclass of arrays, array by array."""
    kind = type(solutions[0])
    return kind(*(np.mean([getattr(each, part.name) for each in solutions], axis=0) for part in fields(kind)))
