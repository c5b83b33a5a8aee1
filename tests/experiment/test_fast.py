"""A fast run: the embeddings that it names with those that they are made from, on a sample of each task."""

from __future__ import annotations

from typing import Any

import pytest

from emb_pipeline.experiment.checks import check_parameters
from emb_pipeline.experiment.fast import sample_tasks
from emb_pipeline.experiment.problems import ParametersError

TASK = {"kind": "retrieval", "source": {"reader": "pairs", "path": "faq.csv"}}
PARAMETERS: dict[str, Any] = {
    "grid": {
        "baselines": ["bm25", "tfidf", "one_hot"],
        "controls": ["random_8"],
        "derived": {"task.both": {"method": "fusion", "of": ["task.bm25", "task.tfidf"]}},
        "tasks": ["search"],
    },
    "task_definitions": {"search": TASK},
}


def names(**fast: Any) -> set[str]:
    cells = check_parameters({**PARAMETERS, "pace": "fast", "fast": fast})
    return {f"{origin}.{key}" for origin, members in cells.items() for key in members}


def test_what_is_named_comes_with_what_it_is_made_from() -> None:
    assert names(embeddings=["task.both"]) == {"task.both", "task.bm25", "task.tfidf"}
    assert names(embeddings=["task.one_hot", "control.random_8"]) == {"task.one_hot", "control.random_8"}


def test_without_a_pace_the_whole_grid_runs() -> None:
    cells = check_parameters({**PARAMETERS, "fast": {"embeddings": ["task.both"]}})
    assert len(cells["task"]) == 4 and len(cells["control"]) == 1


@pytest.mark.parametrize(
    ("fast", "message"),
    [
        ({}, "a fast run compares nothing; name some of the grid"),
        ({"embeddings": ["task.tfdif"]}, "'task.tfdif' is no embedding of the grid; did you mean 'task.tfidf'"),
        ({"embedings": []}, "embedings"),
        ({"embeddings": ["task.tfidf"], "sample": 3}, "sample"),
    ],
)
def test_what_cannot_be_run_is_refused(fast: dict[str, Any], message: str) -> None:
    with pytest.raises(ParametersError, match=message):
        check_parameters({**PARAMETERS, "pace": "fast", "fast": fast})


def test_a_task_that_says_how_large_its_sample_is_keeps_it() -> None:
    tasks = {"search": dict(TASK), "other": {**TASK, "sample": 70}}
    found = sample_tasks(tasks, 500)
    assert (found["search"]["sample"], found["other"]["sample"]) == (500, 70)
    assert sample_tasks(tasks, None)["search"] == TASK
