"""Where the path of penalties ends, and what is chosen on it, for scores that are given."""

from __future__ import annotations

import numpy as np

from emb_pipeline.tasks.options import PathOptions
from emb_pipeline.tasks.probes.penalty_path import PenaltyPath

OPTIONS = PathOptions(log10_c_low=0, log10_c_high=4, steps_per_decade=1, widen_decades=3)


def path_of(qualities: dict[int, np.ndarray], log_losses: dict[int, float]) -> PenaltyPath[int]:
    def score(c: float) -> tuple[dict[str, float], np.ndarray, np.ndarray, int]:
        step = round(np.log10(c))
        return {"log_loss": log_losses[step]}, qualities[step], np.full(5, -log_losses[step]), step

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
    few = path_of(dict.fromkeys(range(8), alike[:200]), {step: 1.0 + step for step in range(8)})
    assert sorted(few.scores) == [0, 1, 2, 3, 4] and few.chosen == 0


def test_few_held_out_units_do_not_choose_a_penalty_that_log_loss_is_against() -> None:
    """One of 40 units more is right at each step up to 3, others than before: all within a standard error."""
    right = {step: np.roll(np.arange(40) < 20 + min(step, 3), 11 * min(step, 3)).astype(float) for step in range(8)}
    assert path_of(right, {step: 1.0 + step for step in range(8)}).chosen == 0
    assert path_of(right, {step: abs(step - 3.0) for step in range(8)}).chosen == 3


def test_a_smaller_penalty_is_chosen_where_it_classifies_better_than_it_knows() -> None:
    right = {step: (np.arange(400) < 100 + 60 * min(step, 3)).astype(float) for step in range(8)}
    assert path_of(right, {step: 1.0 + step for step in range(8)}).chosen == 3
