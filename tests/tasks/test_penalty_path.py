"""Where the path of penalties ends, and what is chosen on it, for scores that are given."""

from __future__ import annotations

import numpy as np

from emb_pipeline.tasks.options import PathOptions
from emb_pipeline.tasks.penalty_path import PenaltyPath

OPTIONS = PathOptions(log10_c_low=0, log10_c_high=4, steps_per_decade=1, widen_decades=3)


def path_of(qualities: dict[int, np.ndarray], log_losses: dict[int, float]) -> PenaltyPath[int]:
    def score(c: float) -> tuple[dict[str, float], np.ndarray, int]:
        step = round(np.log10(c))
        return {"log_loss": log_losses[step]}, qualities[step], step

    path = PenaltyPath(1.0, lambda: score, OPTIONS)
    path.tune()
    return path


def test_a_path_goes_on_while_quality_creeps_up() -> None:
    """Each step gains four of 400 units and loses two: less than a standard error, and two steps are more than one."""
    right = np.zeros(400)
    right[200:] = 1
    qualities = {}
    for step in range(8):
        qualities[step] = right.copy()
        right[4 * step : 4 * step + 4] = 1
        right[200 + 2 * step : 202 + 2 * step] = 0
    path = path_of(qualities, {step: 1.0 + step for step in range(8)})
    assert sorted(path.scores) == list(range(8))
    assert (path.chosen, path.chosen_solution) == (6, 6)


def test_a_path_ends_where_more_brings_nothing() -> None:
    alike = np.arange(400) % 2.0
    path = path_of(dict.fromkeys(range(8), alike), {step: 1.0 + step for step in range(8)})
    assert sorted(path.scores) == [0, 1, 2, 3]
    assert path.chosen == 0
    assert path.edge == "none"
