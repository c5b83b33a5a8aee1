"""Choosing the penalty of a probe: upwards over a logarithmic path, on held-out training rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Generic, TypeVar

import numpy as np

from emb_pipeline.tasks.options import PathOptions

CERTAIN = float(np.log(0.99))
"""Log likelihood of a held-out unit that counts as certain: where classes are separable, it rises with C for ever."""
PATIENCE = 3
"""Values of C that bring nothing before the path ends early."""
FEW_UNITS = 300
"""Held-out units below which the path is gone to its last value: quality may be flat by chance, and rise later."""

Solution = TypeVar("Solution")
Scorer = Callable[[float], tuple[dict[str, float], np.ndarray, np.ndarray, Solution]]
"""Fits for one C, from its last solution on: summaries, ``log_loss`` among them; the quality and the log likelihood of each
held-out unit; and the solution."""


class PenaltyPath(Generic[Solution]):
    """Scores C on a path, and more of it where the best value is at an end.

    Chosen is the smallest C that, on held-out units, is worse than the best one by no more than a standard error of their
    paired difference (after Breiman et al. 1984, ch. 3.4.3), in quality and in log likelihood alike. Quality is often flat
    over several powers of ten, where the smaller C has the better probabilities. With few units its standard error is wide,
    and quality alone would choose too small a C, for sparse vectors above all; log likelihood alone would where a larger C
    orders the classes better than it knows their probabilities (``benchmarks/penalty_rules.py``). The path ends early once
    this choice does not change while log loss grows.

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
        self._log_likelihoods: dict[int, np.ndarray] = {}
        self._solutions: dict[int, Solution] = {}

    def c_of(self, step: int) -> float:
        """Compute C, in scikit-learn's scale, of a step of the path."""
        return float(self._unit * 10 ** (step / self._options.steps_per_decade))

    @property
    def chosen(self) -> int:
        """The first step that is close to the best one both in quality and in log likelihood."""
        return max(_find_first_close(self._qualities), _find_first_close(self._log_likelihoods))

    @property
    def chosen_c(self) -> float:
        """C, in scikit-learn's scale, of the chosen step."""
        return self.c_of(self.chosen)

    @property
    def chosen_solution(self) -> Solution:
        """Score that the scorer found for it."""
        return self._solutions[self.chosen]

    @property
    def edge(self) -> str:
        """The end of the path that the choice is at, if it does: none, low or high."""
        if len(self.scores) > 1 and self.chosen == max(self.scores):
            return "high"
        return "low" if self._is_falling_from_start() else "none"

    @property
    def tried(self) -> list[dict[str, float]]:
        """Summaries of each C, in order."""
        return [self.scores[step] for step in sorted(self.scores)]

    def tune(self) -> None:
        """Score the steps of the path, and more where the best one is its last or first."""
        per_decade, widen = self._options.steps_per_decade, self._options.widen_decades
        low, high = round(self._options.log10_c_low * per_decade), self._high
        score = self._scorer()
        for step in range(low, high + widen * per_decade + 1):
            if self._is_exhausted() or (step > high and not self._is_still_rising(step - 1)):
                break
            self._score(step, score)
        for step in range(low - 1, low - widen * per_decade - 1, -1):
            if not self._is_falling_from_start():
                break
            self._score(step, self._scorer())

    @property
    def _high(self) -> int:
        """The last step, unless the path is widened."""
        return round(self._options.log10_c_high * self._options.steps_per_decade)

    @property
    def _best(self) -> int:
        """The first of the steps with the highest quality."""
        return _find_best(self._qualities)

    @property
    def _of_lowest_log_loss(self) -> int:
        """The first of the steps with the lowest log loss."""
        return min(sorted(self.scores), key=lambda step: self.scores[step]["log_loss"])

    def _score(self, step: int, score: Scorer[Solution]) -> None:
        c = self.c_of(step)
        summaries, self._qualities[step], log_likelihoods, self._solutions[step] = score(c)
        self._log_likelihoods[step] = np.minimum(log_likelihoods, CERTAIN)
        self.scores[step] = {"c": c, **summaries}

    def _is_exhausted(self) -> bool:
        """Say if the last steps brought nothing: the choice is before them, and so is the lowest log loss."""
        last = sorted(self.scores)[-PATIENCE:]
        if len(self.scores) <= PATIENCE or self.chosen in last:
            return False
        if len(self._qualities[last[-1]]) < FEW_UNITS and last[-1] < self._high:
            return False
        lowest = self.scores[self._of_lowest_log_loss]["log_loss"]
        return all(self.scores[step]["log_loss"] > lowest for step in last)

    def _is_still_rising(self, last: int) -> bool:
        """Say if the last step is the best one, by quality or by log loss.

        The choice lags behind: where quality creeps up, each step is better by less than a standard error, and all of them
        together by more.
        """
        return last in (self._best, self._of_lowest_log_loss)

    def _is_falling_from_start(self) -> bool:
        """Say if the first step is better than the second (on a plateau there, the probe knows class frequencies alone)."""
        steps = sorted(self.scores)
        return len(steps) > 1 and self.chosen == steps[0] and not _is_close(self._qualities, steps[1], steps[0])


def _find_best(values: dict[int, np.ndarray]) -> int:
    return max(sorted(values), key=lambda step: values[step].mean())


def _find_first_close(values: dict[int, np.ndarray]) -> int:
    best = _find_best(values)
    return next(step for step in sorted(values) if step == best or _is_close(values, step, best))


def _is_close(values: dict[int, np.ndarray], step: int, best: int) -> bool:
    lost = values[best] - values[step]
    return bool(lost.mean() <= lost.std() / np.sqrt(len(lost)))


def mean_of(solutions: Sequence[Any]) -> Any:
    """Compute the mean of coefficients of one kind, a dataclass of arrays, array by array."""
    kind = type(solutions[0])
    return kind(*(np.mean([getattr(each, part.name) for each in solutions], axis=0) for part in fields(kind)))
