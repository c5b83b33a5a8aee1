"""The choice for several tasks, before all units are scored."""

from __future__ import annotations

import numpy as np
import pytest

from emb_pipeline.statistics.sequential.joint import find_joint_standings
from emb_pipeline.statistics.sequential.standings import EarlyRules, bound_lead, find_standings

RULES = {"topic": EarlyRules(5000, 4, 0.02, 0.05), "mood": EarlyRules(4000, 4, 0.02, 0.05)}
EVEN = {"topic": 1.0, "mood": 1.0}


def _draw(n: int = 1000) -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    means = {
        "topic": {"topics": 0.9, "moods": 0.5, "both": 0.8, "poor": 0.4},
        "mood": {"topics": 0.5, "moods": 0.9, "both": 0.8, "poor": 0.4},
    }
    return {task: {name: (rng.random(n) < mean).astype(float) for name, mean in of.items()} for task, of in means.items()}


def test_what_is_second_on_each_task_stays_for_it_is_the_best_of_all() -> None:
    scores = _draw()
    for task in scores:
        alone = find_standings(scores[task], RULES[task])
        assert alone["both"].is_dropped and alone["poor"].is_dropped
    joint = find_joint_standings(scores, RULES, EVEN)
    assert {name: each.is_dropped for name, each in joint.items()} == {
        "topics": True,
        "moods": True,
        "both": False,
        "poor": True,
    }
    assert joint["poor"].best == "both" and joint["both"].best == "both"


def test_the_bound_is_the_weighted_sum_of_those_of_the_tasks() -> None:
    scores = _draw()
    found = find_joint_standings(scores, RULES, {"topic": 3.0, "mood": 1.0})["poor"]
    of_tasks = [
        bound_lead(scores[task][found.best] - scores[task]["poor"], RULES[task], RULES[task].level_of_pair / 2)[0] / 0.02
        for task in ("topic", "mood")
    ]
    assert found.behind == pytest.approx(0.75 * of_tasks[0] + 0.25 * of_tasks[1])
    assert found.value == pytest.approx(
        (0.75 * scores["topic"]["poor"].mean() + 0.25 * scores["mood"]["poor"].mean()) / 0.02
    )


def test_one_task_is_no_choice_for_several_and_what_lacks_a_task_is_not_in_it() -> None:
    scores = _draw()
    assert find_joint_standings(scores, RULES, {"topic": 1.0}) == {}
    del scores["mood"]["poor"]
    assert "poor" not in find_joint_standings(scores, RULES, EVEN)


def test_nothing_is_dropped_where_none_may_be_chosen() -> None:
    assert not any(each.is_dropped for each in find_joint_standings(_draw(), RULES, EVEN, rivals=[]).values())
